"""T13: whoever may edit the policy edits it again and again, so that two looks at the same people say more than one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from attacking.hospital import POPULATION, Dice, lived, terms_of
from attacking.on_policies import bins, reading, sharper
from attacking.on_versions import proven
from attacking.people import Life
from studyscope_contract.grid import Grid
from studyscope_contract.policy import PRESETS, Policy
from studyscope_exporter.disclosure.errors import PolicyLoosened
from studyscope_exporter.disclosure.history import Release, TableVersion
from studyscope_exporter.disclosure.opening import opened_state
from studyscope_exporter.disclosure.state import State
from studyscope_exporter.disclosure.witness import WitnessAudit

SHOWN = (Release(100, Policy().parameters, (TableVersion(POPULATION, 1, ((),), {(): 40}, {(): 41}, 41),)),)
FIVES, WIDER = Policy(preset="fives"), Policy(preset="fives", k=11, b=15, s=23, m=10)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy that can be written, most of them near a preset."""
    preset = draw(st.sampled_from(sorted(PRESETS)))
    numbers = PRESETS[preset].model_dump()
    b = draw(st.sampled_from([numbers["b"], *range(5, 61)]))
    k = draw(st.integers(5, 40))
    s = draw(st.integers(0, 8)) * b + b - b // 2
    edits = {"k": k, "b": b, "s": s, "m": draw(st.integers(5, 40)), "delay_days": draw(st.integers(6, 30))}
    chosen = draw(st.sets(st.sampled_from(sorted(edits))))
    grid = Grid(every_days=draw(st.sampled_from([1, 1, 7])))
    try:
        return Policy.model_validate({"preset": preset, "grid": grid} | {name: edits[name] for name in chosen})
    except ValidationError:
        return Policy.model_validate({"preset": preset})


@st.composite
def edited(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """A policy and an edit of it: often a little stricter, else anything at all."""
    before = draw(policies())
    if draw(st.integers(0, 3)) == 0:
        return before, draw(policies())
    was = before.parameters
    b = was.b * draw(st.integers(1, 5)) + draw(st.sampled_from([0, 0, 0, 1]))
    k, m = was.k + draw(st.integers(0, 5)), was.m + draw(st.integers(-1, 10))
    s = -(-max(was.s, k + 1) // b) * b + b - b // 2
    numbers = {"preset": before.preset, "grid": before.grid, "k": k, "b": b, "s": s, "m": m}
    try:
        return before, Policy.model_validate(numbers | {"delay_days": before.delay_days + draw(st.integers(0, 3))})
    except ValidationError:
        return before, before


def published(policy: Policy) -> State:
    """A domain that showed something under `policy`."""
    state, _ = opened_state(None, terms_of(policy), Dice(1), "0.1.0")
    return replace(state, history=SHOWN, parameters=policy.parameters)


def accepted(before: Policy, now: Policy) -> bool:
    try:
        opened_state(published(before), terms_of(now), Dice(2), "0.1.0")
    except PolicyLoosened:
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(edited())
def test_t13_an_edit_that_is_accepted_makes_no_number_sharper_and_nothing_looser(edit: tuple[Policy, Policy]) -> None:
    before, now = edit
    if not accepted(before, now):
        assert before != now
        return
    assert all(getattr(now.parameters, name) >= getattr(before.parameters, name) for name in ("k", "b", "s", "m"))
    assert now.delay_days >= before.delay_days
    assert now.grid == before.grid
    assert list(sharper(reading(before.parameters), reading(now.parameters))) == []


@pytest.mark.parametrize(
    ("before", "now", "passes"),
    [
        (Policy(), Policy(b=30, s=45), True),
        (Policy(), Policy(b=20, s=30), False),  # 20 to 29 would show under the first and not under the second
        (FIVES, WIDER, True),
        (FIVES, Policy(), False),
        (Policy(), Policy(m=20), True),
        (Policy(m=20), Policy(), False),
    ],
)
def test_t13_coarser_is_accepted_only_where_every_new_bin_is_a_row_of_old_ones(before: Policy, now: Policy, passes: bool) -> None:
    assert accepted(before, now) == passes
    if not passes and now.parameters.b > before.parameters.b:
        assert list(sharper(reading(before.parameters), reading(now.parameters)))


def test_t13_control_bins_that_move_by_one_give_four_of_five_counts() -> None:
    found = list(sharper(bins(5, 0), bins(5, 1)))
    assert (11, 14) in {one.together for one in found if one.count == 12}
    assert len(found) == 401


TENS, THIRTIES, WHOLE_BATCHES = Policy(), Policy(b=30, s=45), Policy(k=12, m=20)
DRIFTS = [(Life(8, weeks=24, leaving=0.15), THIRTIES), (Life(8, weeks=24), THIRTIES), (Life(3, weeks=40), WHOLE_BATCHES)]


@pytest.mark.parametrize(("life", "stricter"), DRIFTS, ids=["deletions", "bins", "batches"])
def test_t13_the_audit_spans_every_policy_that_numbers_were_shown_under(life: Life, stricter: Policy) -> None:
    history = lived(life, 1, TENS, WitnessAudit(), {life.weeks // 2: stricter})
    moments = history.published.moments
    assert {moment.parameters for moment in moments} == {TENS.parameters, stricter.parameters}
    assert sum(moment.other_rules for moment in moments) == 1
    truth = {name: (behind.cells, behind.patients) for name, behind in history.truth.items()}
    tally = proven(history.published, life, truth)
    assert tally.truth_excluded == 0
    assert tally.small > 50
    assert (tally.small_proven, tally.small_exact) == (0, 0)
