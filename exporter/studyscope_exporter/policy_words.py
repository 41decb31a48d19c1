"""A policy in sentences, for a person who has to answer for it."""

from __future__ import annotations

from collections.abc import Iterator

from studyscope_contract.policy import PRESETS, Policy

APPROVALS = {
    "auto": "the signature under this policy lets every table out; two-way, exact and those shown under other rules need two",
    "one": "one approver lets a table out the first time; two-way, exact ones and those shown under other rules need two",
    "four_eyes": "two approvers let a table out",
}


def policy_sentences(policy: Policy) -> Iterator[str]:
    """What it protects, what may leave and when, one sentence each."""
    numbers, grid = policy.parameters, policy.grid
    stricter = "" if numbers == PRESETS[policy.preset] else ", made stricter"
    yield f"preset {policy.preset}{stricter}; hash {policy.hash[:12]}"
    yield f"groups of fewer than {numbers.k} people are protected (k)"
    yield f"counts are published as multiples of {numbers.b} (b), nothing under {numbers.s} (s)"
    yield f"a table moves only when at least {numbers.m} people changed in it (m), up to {policy.delay_days} days later"
    yield f"at most once every {'day' if grid.every_days == 1 else f'{grid.every_days} days'}, at {grid.at_hour:02}:00 UTC"
    rule = policy.deletions
    what = "stays, as an anonymous aggregate" if rule.action == "carry" else "is hidden for good"
    yield f"a table that has held people who left for {rule.max_hold_days} days, because too few others changed, {what}"
    yield "tables that never leave: " + (", ".join(sorted(policy.refuse)) or "none named")
    yield "two-way tables that may leave: " + (", ".join(sorted(policy.two_way)) or "none")
    if policy.readers is not None:
        yield f"tables about the work of people that may leave: {', '.join(policy.readers.tables)}"
        yield f"legal basis of telling of the work of people: {policy.readers.legal_basis}"
    yield APPROVALS[policy.approvals]
    yield f"what is not signed within {policy.approval_days} days of being asked for, or of the first signature, is held"
    if policy.disclosure is not None:
        tables = ", ".join(policy.reported)
        yield f"EXACT NUMBERS leave in {tables}, small ones and 0 too, at every grid point: nothing of the above protects them"
        yield f"legal basis of the exact numbers: {policy.disclosure.legal_basis}"
