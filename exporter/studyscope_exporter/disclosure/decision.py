"""What people decide about a whole domain: to pause it, to freeze it, to take the site out of the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType

from studyscope_contract.report import Activity
from studyscope_exporter.disclosure.census import roster_of
from studyscope_exporter.disclosure.errors import DomainProblem
from studyscope_exporter.disclosure.state import NO_EPOCH, State


class Decision(StrEnum):
    """A person's act, as the ledger names it."""

    PAUSE = "pause"  # values stay, nothing new
    RESUME = "resume"
    FREEZE = "freeze"  # as a pause, until `recover`
    WITHDRAW = "withdraw_site"  # nothing is shown any more, for good


_NEXT: Mapping[tuple[Activity, Decision], Activity] = MappingProxyType(
    {
        ("active", Decision.PAUSE): "paused",
        ("paused", Decision.RESUME): "active",
        ("active", Decision.FREEZE): "frozen",
        ("paused", Decision.FREEZE): "frozen",
        ("active", Decision.WITHDRAW): "withdrawn",
        ("paused", Decision.WITHDRAW): "withdrawn",
        ("frozen", Decision.WITHDRAW): "withdrawn",
    }
)
_INSTEAD: Mapping[Activity, str] = MappingProxyType(
    {
        "active": "nothing is to be resumed",
        "paused": "resume lets its numbers move again",
        "frozen": "only recover opens it again",
        "withdrawn": "the site has left this study for good",
    }
)


def after(activity: Activity, decision: Decision) -> Activity:
    """What the domain is after the decision; raises DomainProblem where it cannot be taken."""
    following = _NEXT.get((activity, decision))
    if following is None:
        raise DomainProblem(f"this study is {activity} here: {_INSTEAD[activity]}; nothing was changed")
    return following


def decided(state: State, decision: Decision) -> State:
    """The state after the decision; raises DomainProblem. A site that leaves keeps nothing of any patient."""
    state = replace(state, activity=after(state.activity, decision))
    return _emptied(state) if state.activity == "withdrawn" else state


def _emptied(state: State) -> State:
    tables = {
        key: replace(table, snapshot=None, waiting=None, shown=(), terms="", epoch=NO_EPOCH)
        for key, table in state.tables.items()
    }
    kept = replace(state, tables=tables, waiting=None, roster=roster_of(()), answers=(), history=(), withdrawn=frozenset())
    return replace(kept, epoch=NO_EPOCH, holds=0)
