"""How long a table waits for its approvers: signed in time, or held (privacy.md 5, time-out = hold).

Nothing leaves because time passes. What passes is the request: signatures given to it do not count
together with later ones, and people are told that the table is held until somebody asks anew.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from studyscope_contract.metric import TableKey
from studyscope_exporter.disclosure.state import Asked, State
from studyscope_exporter.disclosure.terms import Terms


def asked_by(state: State, point: int, terms: Terms) -> tuple[State, list[Mapping[str, Any]]]:
    """The state with what waits for approvers at this grid point, and the ledger's line where a request timed out now."""
    if state.activity != "active":
        return state, []
    asked = dict(_requests(state, point, terms))
    if asked == state.asked:
        return state, []
    new = sorted(str(key) for key, one in asked.items() if one.timed_out and not _timed_out_before(state, key))
    acts: list[Mapping[str, Any]] = []
    if new:
        days = terms.policy.approval_days
        acts = [{"act": "approval_timed_out", "tables": new, "grid_point": point, "after_days": days}]
    return replace(state, asked=asked), acts


def _requests(state: State, point: int, terms: Terms) -> Iterator[tuple[TableKey, Asked]]:
    today = terms.policy.grid.moment(point).date()
    for key in terms.waiting(state):
        since = state.asked[key].since if key in state.asked else point
        begun = max([terms.policy.grid.moment(since).date(), *terms.signing_days(key, state)])
        yield key, Asked(since, (today - begun) >= dt.timedelta(days=terms.policy.approval_days))


def _timed_out_before(state: State, key: TableKey) -> bool:
    return key in state.asked and state.asked[key].timed_out


def timed_out(state: State, terms: Terms) -> frozenset[TableKey]:
    """Tables that are held because nobody, or too few, signed in time."""
    return frozenset(key for key in terms.waiting(state) if _timed_out_before(state, key))
