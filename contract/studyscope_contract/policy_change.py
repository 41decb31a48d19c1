"""What differs between two policies, and in which direction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from studyscope_contract.amount import amount
from studyscope_contract.policy import Policy

Direction = Literal["stricter", "looser", "other"]
"""`other`: neither more nor less comes out by it; a grid that differs is such a change."""


@dataclass(frozen=True)
class Change:
    """One thing that differs, in the words of the policy."""

    name: str
    before: str
    after: str
    direction: Direction


def policy_changes(before: Policy, after: Policy) -> tuple[Change, ...]:
    """Every difference, in the order of the policy."""
    return tuple(_changes(before, after))


def _changes(before: Policy, after: Policy) -> Iterator[Change]:
    if before.preset != after.preset:
        yield Change("preset", before.preset, after.preset, "other")
    for name in ("k", "b", "s", "m"):
        nests = name != "b" or after.parameters.nests_in(before.parameters)
        yield from _number(name, getattr(before.parameters, name), getattr(after.parameters, name), stricter=nests)
    yield from _number("delay_days", before.delay_days, after.delay_days)
    if before.grid != after.grid:
        yield Change("grid", _grid(before), _grid(after), "other")
    if before.deletions != after.deletions:
        yield Change("deletions", _deletions(before), _deletions(after), "other")
    yield from _disclosure(before, after)
    yield from _readers(before, after)
    yield from _approvals(before, after)
    yield from _tables("refuse", before.refuse, after.refuse, more="stricter")
    yield from _tables("two_way", before.two_way, after.two_way, more="looser")


def _readers(before: Policy, after: Policy) -> Iterator[Change]:
    (tables, ground), (new_tables, new_ground) = _of_readers(before), _of_readers(after)
    yield from _tables("readers", tables, new_tables, more="looser")
    if ground != new_ground:
        yield Change("legal_basis of readers", ground, new_ground, "other")


def _of_readers(policy: Policy) -> tuple[tuple[str, ...], str]:
    return ((), "") if policy.readers is None else (policy.readers.tables, policy.readers.legal_basis)


def _disclosure(before: Policy, after: Policy) -> Iterator[Change]:
    yield from _tables("reported", before.reported, after.reported, more="looser")
    old, new = ("" if policy.disclosure is None else policy.disclosure.legal_basis for policy in (before, after))
    if old != new:
        yield Change("legal_basis", old, new, "other")


def _approvals(before: Policy, after: Policy) -> Iterator[Change]:
    if before.approval_days != after.approval_days:
        yield Change("approval_days", str(before.approval_days), str(after.approval_days), "other")
    if before.approvals != after.approvals:
        order = ("auto", "one", "four_eyes")
        stricter = order.index(after.approvals) > order.index(before.approvals)
        yield Change("approvals", before.approvals, after.approvals, "stricter" if stricter else "looser")


def _number(name: str, before: int, after: int, *, stricter: bool = True) -> Iterator[Change]:
    """A greater number is `stricter`, unless the caller knows otherwise."""
    if before != after:
        yield Change(name, str(before), str(after), "stricter" if after > before and stricter else "looser")


def _tables(name: str, before: Sequence[str], after: Sequence[str], *, more: Direction) -> Iterator[Change]:
    fewer: Direction = "looser" if more == "stricter" else "stricter"
    for table in sorted(set(after) - set(before)):
        yield Change(name, "", table, more)
    for table in sorted(set(before) - set(after)):
        yield Change(name, table, "", fewer)


def _deletions(policy: Policy) -> str:
    return f"{policy.deletions.action} after {amount(policy.deletions.max_hold_days, 'day')}"


def _grid(policy: Policy) -> str:
    grid = policy.grid
    return f"every {'day' if grid.every_days == 1 else f'{grid.every_days} days'} at {grid.at_hour:02}:00Z"
