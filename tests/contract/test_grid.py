"""Grid points are numbered, and every moment has a last one."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from studyscope_contract.grid import Grid

MOMENTS = st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC))


@given(moment=MOMENTS, every=st.sampled_from([1, 7]), hour=st.integers(0, 23))
def test_a_moment_lies_between_its_grid_point_and_the_next(moment: dt.datetime, every: int, hour: int) -> None:
    grid = Grid.model_validate({"every_days": every, "at_hour": hour})

    index = grid.index(moment)

    assert grid.moment(index) <= moment < grid.moment(index + 1)


@given(index=st.integers(0, 40_000), every=st.sampled_from([1, 7]), hour=st.integers(0, 23))
def test_a_grid_is_known_by_the_number_and_the_moment_of_one_point(index: int, every: int, hour: int) -> None:
    grid = Grid.model_validate({"every_days": every, "at_hour": hour})

    found = Grid.through(index, grid.moment(index))

    assert found == grid or index == 0, "point 0 of both is the same moment"


def test_a_grid_point_is_its_own() -> None:
    grid = Grid()

    assert grid.moment(grid.index(dt.datetime(2026, 11, 21, 4, tzinfo=dt.UTC))) == dt.datetime(2026, 11, 21, 4, tzinfo=dt.UTC)
    assert grid.moment(grid.index(dt.datetime(2026, 11, 21, 3, 59, tzinfo=dt.UTC))).day == 20
