"""The most that somebody can conclude from everything ever shown: the tightest interval of each cell (privacy.md 5).

Its reader is taken to know every dashboard since the first day, the rules, and every fact about the
tables that is true. The intervals are for people of the site: some follow from facts that nobody
outside has, and a wider one is what an outsider is left with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from studyscope_contract.metric import TableKey
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.history import Release
from studyscope_exporter.disclosure.knowledge import world_of
from studyscope_exporter.disclosure.world import NO_LIMIT, World
from studyscope_exporter.disclosure.world_search import Patience, WorldSearch


@dataclass(frozen=True)
class Interval:
    """What can be concluded of one cell as it was shown last; `high` None where nothing bounds it.

    `shown` None means hidden. `exact` is the count behind it, which never leaves the site.
    """

    key: TableKey
    cell: Cell
    low: int
    high: int | None
    shown: int | None
    exact: int = field(repr=False)


def tightest_intervals(
    releases: Sequence[Release], *, seconds: float = 30.0, now: Callable[[], float] = time.monotonic
) -> tuple[Interval, ...]:
    """The interval of every cell in the newest version of its table, in the order of the releases.

    A cell for which `seconds` were not enough is left out.
    """
    world, end = world_of(releases), now() + seconds
    if not world.newest:
        return ()
    reach = _Reach(world, Patience(2.0, end, now))
    reach.together()
    newest = {version.key: version for release in releases for version in release.tables}
    intervals = []
    for (key, cell), variable in world.newest.items():
        if now() > end or not reach.settled(variable):
            continue
        low, high = reach.low[variable], reach.high[variable]
        shown, exact = newest[key].shown.get(cell), int(world.truth[variable])
        intervals.append(Interval(key, cell, low, None if high >= NO_LIMIT else high, shown, exact))
    return tuple(intervals)


class _Reach:
    """The least and the greatest value of each variable over every world found so far; the true one is the first."""

    def __init__(self, world: World, patience: Patience) -> None:
        self._world, self._search = world, WorldSearch(world, patience)
        self.low, self.high = list(world.truth), list(world.truth)

    def together(self) -> None:
        """Two questions about all cells at once, which settle most of them."""
        terms = [(variable, 1) for variable in sorted(set(self._world.newest.values()))]
        for sign in (1, -1):
            self._add(self._search.best(terms, sign))

    def settled(self, variable: int) -> bool:
        """Asks about one cell what is not known yet; whether its interval is now the tightest."""
        world, certain = self._world, True
        for sign, value, bound in ((1, self.low, world.low), (-1, self.high, world.high)):
            if value[variable] != bound[variable]:
                self._add(self._search.best([(variable, 1)], sign))
                certain = certain and self._search.finished()
        return certain

    def _add(self, found: list[int] | None) -> None:
        if found is not None:
            self.low = [min(pair) for pair in zip(self.low, found, strict=True)]
            self.high = [max(pair) for pair in zip(self.high, found, strict=True)]
