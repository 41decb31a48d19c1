"""Totals of the consortium: sums of what sites publish, between bounds, with coverage.

For each site that is expected and each cell:
    shown                             the policy's bounds of the number (Parameters.bounds); reported exactly: itself
    hidden by the threshold           0 to s-1; so for cells of an offered table, shown or not
    hidden for perhaps another reason 0 and no upper bound: never reported, refused, not approved,
                                      no source, reported exactly but not there yet, a sensitive table's
                                      withheld cell, a histogram that is not shown (it may have had too few
                                      buckets to be shown), a sum that is not shown (one patient may be most
                                      of it)
The bounds hold the truth as it was at each site's last released version. Histograms are added
cumulatively and only at edges that every contributing site shows: elsewhere the sum would not grow
with the edge.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from studyscope_aggregator.standing import Shown, Standing
from studyscope_contract.catalogue import centre
from studyscope_contract.metric import Kind, Table, TableKey
from studyscope_contract.policy import Parameters


@dataclass(frozen=True)
class CellTotal:
    """One cell over all sites; `value` is None where no site shows it, `upper` where there is none."""

    codes: tuple[str, ...]
    value: int | None
    lower: int
    upper: int | None
    sites: int
    quartiles: tuple[int, ...] = ()
    """Of the sites' numbers, without their names; none where too few sites show the cell."""


@dataclass(frozen=True)
class TableTotal:
    """One table over all sites; `oldest` is the grid time of the oldest release in it."""

    cells: tuple[CellTotal, ...]
    oldest: dt.datetime | None


NOTHING = TableTotal((), None)


def table_total(key: TableKey, table: Table, codes: Sequence[tuple[str, ...]], sites: Sequence[Standing | None]) -> TableTotal:
    """The total of one table over `sites`, the expected ones; None is a site that never reported.

    NOTHING while no site offers the table.
    """
    if not any(site is not None and _offers(site, key) for site in sites):
        return NOTHING
    shown = [site.tables[key] for site in sites if site is not None and key in site.tables]
    cells = tuple(_histogram(key, table, sites) if table.kind is Kind.HISTOGRAM else _cells(key, table, codes, sites))
    return TableTotal(cells, min((part.released for part in shown), default=None))


def _offers(site: Standing, key: TableKey) -> bool:
    return key in site.tables or site.facts.tables.get(key.table) == "offered"


def _awaited(site: Standing, key: TableKey) -> bool:
    """Whether the site reports the table exactly and has not yet done so: it then may be of any size."""
    return key.table in site.policy.reported and key not in site.tables


def _cells(
    key: TableKey, table: Table, codes: Sequence[tuple[str, ...]], sites: Sequence[Standing | None]
) -> Iterator[CellTotal]:
    showing = [(site.tables[key], site.policy.parameters) for site in sites if site is not None and key in site.tables]
    bounded = (
        not table.sensitive
        and table.kind is not Kind.MAGNITUDE
        and all(site is not None and _offers(site, key) and not _awaited(site, key) for site in sites)
    )
    if_all_hid = sum(site.policy.parameters.s - 1 for site in sites if site is not None)
    sums = _sums(showing, table)
    for cell in codes:
        found = sums.get(cell, _NOBODY)
        upper = found.upper if found.sites == len(sites) else None
        if upper is None and bounded:
            upper = if_all_hid - found.if_hidden + found.upper
        value = found.value if found.sites else None
        yield CellTotal(cell, value, found.lower, upper, found.sites, _quartiles(found.values))


@dataclass
class _Sum:
    """One cell over the sites that show it; `if_hidden` is the most that they could have if they hid it."""

    value: int = 0
    lower: int = 0
    upper: int = 0
    if_hidden: int = 0
    sites: int = 0
    values: list[int] = field(default_factory=list)


_NOBODY = _Sum()


def _quartiles(values: Sequence[int]) -> tuple[int, ...]:
    """Numbers of sites, not between them: a quarter, half and three quarters of the sites have at most these."""
    if len(values) < centre.POOL_SITES:
        return ()
    ordered = sorted(values)
    return tuple(ordered[math.ceil(float(share) * len(ordered)) - 1] for share in centre.POOL_QUANTILES)


def _bounds(value: int, shown: Shown, table: Table, parameters: Parameters) -> tuple[int, int]:
    if shown.exact:
        return value, value
    return parameters.sum_bounds(value, table.clip) if table.clip else parameters.bounds(value)


def _sums(showing: Iterable[tuple[Shown, Parameters]], table: Table) -> dict[tuple[str, ...], _Sum]:
    sums: dict[tuple[str, ...], _Sum] = {}
    for shown, parameters in showing:
        hidden = parameters.s - 1
        for cell, value in shown.cells.items():
            found = sums.get(cell)
            if found is None:
                found = sums[cell] = _Sum()
            low, high = _bounds(value, shown, table, parameters)
            found.value += value
            found.lower += low
            found.upper += high
            found.if_hidden += hidden
            found.sites += 1
            found.values.append(value)
    return sums


def _histogram(key: TableKey, table: Table, sites: Sequence[Standing | None]) -> Iterator[CellTotal]:
    showing = [(site.tables[key], site.policy.parameters) for site in sites if site is not None and key in site.tables]
    if not showing:
        return
    cumulated = [_cumulated(shown, parameters, table) for shown, parameters in showing]
    shared = [edge for edge in table.dimensions[0].codes if all(edge in site for site in cumulated)]
    complete = len(showing) == len(sites)
    for edge in shared:
        value, lower, upper = (sum(site[edge][part] for site in cumulated) for part in range(3))
        yield CellTotal((edge,), value, lower, upper if complete else None, len(showing))


def _cumulated(shown: Shown, parameters: Parameters, table: Table) -> dict[str, tuple[int, int, int]]:
    """Value, lower and upper bound up to each published edge."""
    edges = [edge for edge in table.dimensions[0].codes if (edge,) in shown.cells]
    values = [shown.cells[edge,] for edge in edges]
    bounds = [parameters.bounds(value) for value in values]
    parts = (accumulate(values), accumulate(low for low, _ in bounds), accumulate(high for _, high in bounds))
    return dict(zip(edges, zip(*parts, strict=True), strict=True))
