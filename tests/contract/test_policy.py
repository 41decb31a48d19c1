"""A policy can only be stricter than its preset, and no policy goes under the floors."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from studyscope_contract.policy import PRESETS, Parameters, Policy, Stricter


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_meets_the_inequalities_of_the_proof(preset: str) -> None:
    numbers = PRESETS[preset]

    assert numbers.s >= numbers.k + 1
    assert 2 * (numbers.b - 1) >= numbers.k - 1
    assert (numbers.s + numbers.b // 2) % numbers.b == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 10}, "looser than preset tens"),
        ({"m": 9}, "looser than preset tens"),
        ({"s": 5}, "looser than preset tens"),
        ({"k": 20}, "s must be at least k"),
        ({"s": 26}, "bin edge"),
        ({"k": 21, "s": 25}, "raise b or lower k"),
        ({"delay_days": 2}, "greater than or equal to 6"),
    ],
)
def test_a_looser_or_impossible_policy_is_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Policy.model_validate(change)


def test_a_stricter_policy_is_taken_and_has_a_hash_of_its_own() -> None:
    stricter = Policy(m=15)

    assert stricter.parameters.m == 15
    assert stricter.hash != Policy().hash


@given(count=st.integers(0, 10_000), preset=st.sampled_from(sorted(PRESETS)))
def test_the_bounds_of_what_is_published_hold_the_truth(count: int, preset: str) -> None:
    numbers = PRESETS[preset]  # type: ignore[index]

    published = numbers.published(count)
    low, high = numbers.bounds(published)

    assert low <= count <= high
    assert (published is None) == (count < numbers.s)
    assert published is None or numbers.can_publish(published)


widths = st.integers(5, 24)
edges = st.integers(1, 4)


def at_edge(b: int, edge: int) -> Parameters:
    """Bins of b, nothing under the given edge."""
    return Parameters.model_construct(k=5, b=b, s=(edge + 1) * b - b // 2, m=5)


@settings(deadline=None)
@given(old_b=widths, factor=st.integers(1, 7), other=widths, old_edge=edges, new_edge=edges, follows=st.booleans())
def test_new_bins_nest_exactly_where_both_numbers_tell_no_more_than_the_older(
    old_b: int, factor: int, other: int, old_edge: int, new_edge: int, follows: bool
) -> None:
    """By trying every count: what is known from both policies, beside what the older alone says of it."""
    older, newer = at_edge(old_b, old_edge), at_edge(old_b * factor if follows else other, new_edge)
    if newer.s < older.s:
        return
    sharper = []
    for count in range(older.s, newer.s + older.b * newer.b):  # the two repeat themselves after so many
        least, most = older.bounds(older.published(count))
        low, high = newer.bounds(newer.published(count))
        sharper += [count] if low > least or high < most else []

    assert newer.nests_in(older) is (not sharper)


@given(
    a=st.integers(0, 300),
    b=st.integers(0, 300),
    preset=st.sampled_from(sorted(PRESETS)),
)
def test_no_subtraction_of_two_published_numbers_proves_a_small_group(a: int, b: int, preset: str) -> None:
    """Proof 2.5 of the specification, by enumeration: [L, U] of a difference never lies inside [1, k-1]."""
    numbers: Parameters = PRESETS[preset]  # type: ignore[index]
    a_low, a_high = numbers.bounds(numbers.published(a))
    b_low, b_high = numbers.bounds(numbers.published(b))

    low, high = a_low - b_high, a_high - b_low

    assert not (low >= 1 and high <= numbers.k - 1)


def test_a_study_can_ask_for_more_and_never_for_less() -> None:
    """A hospital on tens in a study that asks for twenties; one on coarse in a study that asks for tens."""
    asked = Stricter(k=15, b=20, s=30, refuse=("sex",))

    raised = Policy(refuse=("vendor",)).tightened(asked)

    assert raised.parameters == Parameters(k=15, b=20, s=30, m=10)
    assert raised.refuse == ("sex", "vendor")
    assert Policy(preset="coarse").tightened(Stricter(k=11, b=10, s=15, m=10)) == Policy(preset="coarse")


def test_what_a_study_asks_for_must_fit_together_with_the_policy() -> None:
    with pytest.raises(ValidationError, match="bin edge"):
        Policy().tightened(Stricter(b=20))


@given(
    k=st.integers(5, 40),
    b=st.integers(5, 40),
    s=st.integers(5, 80),
    m=st.integers(5, 40),
    preset=st.sampled_from(sorted(PRESETS)),
)
def test_tightening_never_lowers_a_number(k: int, b: int, s: int, m: int, preset: str) -> None:
    before = Policy(preset=preset)  # type: ignore[arg-type]
    try:
        after = before.tightened(Stricter(k=k, b=b, s=s, m=m)).parameters.model_dump()
    except ValidationError:
        return
    assert all(after[name] >= number for name, number in before.parameters.model_dump().items())
