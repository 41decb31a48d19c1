from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from studyscope_exporter.disclosure.histogram import merged_edges, summed

counts = st.lists(st.integers(0, 60), min_size=2, max_size=12)


def test_buckets_close_from_left_to_right_and_the_rest_joins_the_last() -> None:
    assert merged_edges([3, 9, 5, 20, 7, 1], 15, ()) == (2, 5)
    assert summed([3, 9, 5, 20, 7, 1], (2, 5)) == [17, 28]


def test_fewer_than_two_buckets_are_no_histogram() -> None:
    assert merged_edges([3, 9, 5, 4], 15, ()) == ()


def test_edges_stay_when_a_new_merge_would_put_them_elsewhere() -> None:
    assert merged_edges([15, 0, 15, 15], 15, (1, 3)) == (0, 1, 2, 3) or merged_edges([15, 0, 15, 15], 15, (1, 3)) == (1, 2, 3)
    assert merged_edges([14, 1, 10, 9], 15, (1, 3)) == (1, 3)


def test_a_bucket_that_fell_under_the_threshold_joins_its_neighbour() -> None:
    assert merged_edges([4, 2, 15, 10, 15, 20], 15, (1, 3, 5)) == (3, 4, 5)


@given(counts, counts)
def test_every_merged_bucket_holds_enough_and_none_is_lost(before: list[int], now: list[int]) -> None:
    size = min(len(before), len(now))
    sticky = merged_edges(before[:size], 15, ())
    ends = merged_edges(now[:size], 15, sticky)
    if ends:
        assert ends[-1] == size - 1
        assert min(summed(now[:size], ends)) >= 15
        assert sum(summed(now[:size], ends)) == sum(now[:size])


@given(counts, counts)
def test_an_edge_is_lost_only_where_a_bucket_became_too_small(before: list[int], added: list[int]) -> None:
    size = min(len(before), len(added))
    sticky = merged_edges(before[:size], 15, ())
    grown = [old + new for old, new in zip(before, added, strict=False)]
    assert set(sticky) <= set(merged_edges(grown, 15, sticky))
