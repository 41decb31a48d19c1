"""What has to be true before a domain releases anything: a new one is begun, a known one is compared with its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from studyscope_contract.policy import Parameters
from studyscope_contract.report import PolicyStatement
from studyscope_exporter.disclosure.errors import PolicyLoosened
from studyscope_exporter.disclosure.randomness import SecretRandom
from studyscope_exporter.disclosure.state import Clock, State, TableState
from studyscope_exporter.disclosure.terms import Terms


def opened_state(state: State | None, terms: Terms, random: SecretRandom, release: str) -> tuple[State, Mapping[str, Any] | None]:
    """The state to work with, and the ledger's act where something is new: the domain, its policy, its tables, what they count.

    Raises PolicyLoosened.
    """
    known = State(tables={}) if state is None else state
    _refuse_looser(known, terms)
    new = sorted(key for key in terms.tables if key not in known.tables)
    if not new and (known.policy, known.counts) == (terms.policy_hash, terms.counts):
        return known, None
    grid = terms.policy.grid
    begun = replace(
        known.with_tables({key: TableState(Clock.drawn(terms.policy, random)) for key in new}),
        policy=terms.policy_hash,
        every_days=grid.every_days,
        at_hour=grid.at_hour,
        delay_days=terms.policy.delay_days,
        reported=terms.policy.reported,
        counts=terms.counts,
    )
    if known.policy != terms.policy_hash:
        begun = _clocks_of(begun, terms, random)
    policy = PolicyStatement.of(terms.policy).model_dump(mode="json")
    act = {"act": "opened", "site": terms.site, "study": terms.study.id, "policy": policy, "release": release}
    return begun, act | {"tables": {str(key): terms.definitions[key] for key in sorted(terms.tables)}}


def _clocks_of(state: State, terms: Terms, random: SecretRandom) -> State:
    """Thresholds and delays under the new policy, for tables whose clock could be below it."""
    low = {key: table for key, table in state.tables.items() if table.clock.threshold < terms.parameters.m}
    return state.with_tables({key: replace(table, clock=Clock.drawn(terms.policy, random)) for key, table in low.items()})


def refuse_other_disclosure(before: Sequence[str], now: Sequence[str]) -> None:
    """Which tables leave as exact numbers is chosen before the first number leaves (privacy.md, Reported numbers)."""
    if tuple(before) != tuple(now):
        had = f"with {', '.join(before)} reported exactly" if before else "without any table reported exactly"
        why = f"numbers were published {had}; this is chosen before the first release and never changed"
        raise PolicyLoosened("disclosure", f"{why}: set it back, or name a table in `refuse` to let it out no more")


def refuse_looser_numbers(before: Parameters, now: Parameters) -> None:
    """No number of the policy may fall, and new bins must hold whole old ones (privacy.md 2.3, A18)."""
    for name in sorted(type(before).model_fields):
        if getattr(now, name) < getattr(before, name):
            raise PolicyLoosened(name)
    if not now.nests_in(before):
        why = (
            f"bins of {now.b} cut through the bins of {before.b} that numbers were published in, so that both together tell more"
        )
        raise PolicyLoosened("b", f"{why}: take an odd multiple, {3 * before.b} or {5 * before.b}, or keep {before.b}")


def _refuse_looser(state: State, terms: Terms) -> None:
    """Once something was shown, no number of the policy may fall and the grid may not change (privacy.md 2.3)."""
    if not state.published or state.parameters is None:
        return
    refuse_other_disclosure(state.reported, terms.policy.reported)
    refuse_looser_numbers(state.parameters, terms.parameters)
    if terms.policy.delay_days < state.delay_days:
        raise PolicyLoosened("delay_days")
    if (terms.policy.grid.every_days, terms.policy.grid.at_hour) != (state.every_days, state.at_hour):
        raise PolicyLoosened("grid")
