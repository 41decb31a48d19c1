"""The totals of every study, both kinds, kept until a report, the registry or a site's part in them changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from studyscope_aggregator.samples import Sample
from studyscope_aggregator.standing import Shown, Standing
from studyscope_aggregator.state import Member
from studyscope_aggregator.totals import NOTHING, TableTotal, table_total
from studyscope_contract.catalogue import TABLES, centre
from studyscope_contract.definition import definition
from studyscope_contract.metric import Table, TableKey
from studyscope_contract.study import Study

KINDS = ("current", "last_known")


@dataclass(frozen=True)
class StudyTotals:
    """Totals of one study by kind and table."""

    study: Study
    tables: Mapping[tuple[str, TableKey], TableTotal]
    otherwise: Mapping[str, int]
    """Tables of each expected site that are in no total, because the version that it accepted defines them otherwise."""

    def of(self, kind: str, key: TableKey) -> TableTotal:
        return self.tables.get((kind, key), NOTHING)


Part = tuple[str, str, Shown | None, str | None] | None
"""All of one site that a table's total depends on: site, policy, table, offer; None for a site that never reported."""

Known = list[tuple[tuple[Part, ...], TableTotal]]
"""Totals of one table with what they were computed from; at most one for each kind."""


@dataclass
class TotalsMemory:
    """The totals of one study as last computed, with what they were computed from."""

    study: Study | None = None
    found: dict[TableKey, Known] = field(default_factory=dict)
    same: dict[tuple[int, TableKey], bool] = field(default_factory=dict)
    without: dict[Part, Part] = field(default_factory=dict)
    """Parts of sites in tables that they do not show, once each: of fifty tables a site may show five."""


def study_totals(
    study: Study, members: Sequence[Member], memory: TotalsMemory, definition_of: Callable[[int], Study | None]
) -> StudyTotals:
    """Totals over the expected sites among `members`; what did not change is taken from `memory`.

    A site counts for a table only where the version that it accepted (`definition_of`) defines the
    table as the version in force does; elsewhere it is as if it had never reported.
    """
    if memory.study is not study:
        memory.study, memory.found, memory.same, memory.without = study, {}, {}, {}
    last_known = [m for m in members if m.expected]
    current = [m for m in last_known if m.current]
    kinds = {"current": current, "last_known": last_known}
    tables = {}
    otherwise = {one.site.id: 0 for one in last_known if one.standing is not None}
    for key, table in study.tables():
        before, now = memory.found.get(key, []), Known()
        for kind in KINDS:
            sites = [_if_same(one.standing, study, key, memory, definition_of) for one in kinds[kind]]
            parts = tuple(_part(site, key, memory) for site in sites)
            # Both kinds hold the same sites on most days, and are then added up, and kept, once.
            same = next((each for each in (*now, *before) if each[0] == parts), None)
            known = same or (parts, table_total(key, table, study.codes(table), sites))
            total = known[1]
            now.append(known)
            if total.cells:
                tables[kind, key] = total
        memory.found[key] = now
        for one in last_known:
            if one.standing is not None and key in one.standing.tables:
                otherwise[one.site.id] += _if_same(one.standing, study, key, memory, definition_of) is None
    return StudyTotals(study, tables, otherwise)


def _if_same(
    site: Standing | None, study: Study, key: TableKey, memory: TotalsMemory, definition_of: Callable[[int], Study | None]
) -> Standing | None:
    if site is None or site.facts.study_version == study.version:
        return site
    at = site.facts.study_version, key
    if at not in memory.same:
        theirs, table = definition_of(site.facts.study_version), TABLES[key.table]
        memory.same[at] = theirs is not None and definition(theirs, key, table) == definition(study, key, table)
    return site if memory.same[at] else None


def _part(site: Standing | None, key: TableKey, memory: TotalsMemory) -> Part:
    if site is None:
        return None
    part = site.site, site.policy.hash, site.tables.get(key), site.facts.tables.get(key.table)
    return part if part[2] is not None else memory.without.setdefault(part, part)


def total_samples(totals: StudyTotals) -> Iterator[Sample]:
    """Value, bounds, coverage and age of each total; what is unknown has no sample."""
    tables = dict(totals.study.tables())
    for (kind, key), total in totals.tables.items():
        yield from _table_samples(totals.study.id, kind, key, tables[key], total)
    for site, count in totals.otherwise.items():
        yield Sample(centre.SITE_DEFINED_OTHERWISE.name, (("study", totals.study.id), ("site", site)), count)


def _table_samples(study: str, kind: str, key: TableKey, table: Table, total: TableTotal) -> Iterator[Sample]:
    value, lower, upper, sites, oldest = centre.total_series(table)
    pool = centre.pool_series(table) if kind == "last_known" else None
    whole = (("study", study), ("total", kind), *(((table.per, key.per),) if table.per else ()))
    names = [dimension.label for dimension in table.dimensions]
    for cell in total.cells:
        labels = (*whole, *zip(names, cell.codes, strict=True))
        if cell.value is not None:
            yield Sample(value.name, labels, cell.value)
        yield Sample(lower.name, labels, cell.lower)
        if cell.upper is not None:
            yield Sample(upper.name, labels, cell.upper)
        yield Sample(sites.name, labels, cell.sites)
        if pool is not None:
            others = tuple(label for label in labels if label[0] != "total")
            for share, number in zip(centre.POOL_QUANTILES, cell.quartiles, strict=False):
                yield Sample(pool.name, (*others, ("quantile", share)), number)
    if total.oldest is not None:
        yield Sample(oldest.name, whole, total.oldest.timestamp())
