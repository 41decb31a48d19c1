"""What one site publishes, as samples: the same names and labels on /metrics and in history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from studyscope_aggregator.release_number import is_older, release_number
from studyscope_aggregator.standing import Shown, Standing
from studyscope_contract.catalogue import TABLES, centre
from studyscope_contract.metric import Kind, Series, Table, TableKey

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sample:
    """One number with its name and labels."""

    name: str
    labels: Labels
    value: float


def published(standing: Standing) -> Iterator[Sample]:
    """Samples of every table that the site shows; tables that are not in the catalogue any more are left out."""
    for key, shown in standing.tables.items():
        table = TABLES.get(key.table)
        if table is not None:
            labels = _labels(standing, key, table)
            yield from (_histogram(table, labels, shown) if table.kind is Kind.HISTOGRAM else _cells(table, labels, shown))


def site_facts(standing: Standing) -> Iterator[Sample]:
    """What the newest report says of the site and its policy; a fact that it does not state has no sample."""
    facts, site = standing.facts, (("study", standing.study), ("site", standing.site))

    def sample(series: Series, value: float, *more: tuple[str, str]) -> Sample:
        return Sample(series.name, (*site, *more), value)

    yield sample(centre.SITE_LAST_REPORT, standing.grid_time.timestamp())
    yield sample(centre.SITE_POLICY, 1, ("policy", standing.policy.preset), ("hash", standing.policy.hash))
    yield sample(centre.SITE_THRESHOLD, standing.policy.parameters.s)
    yield sample(centre.SITE_BASE, standing.policy.parameters.b)
    yield sample(centre.SITE_BATCH, standing.policy.parameters.m)
    yield sample(centre.SITE_STUDY_VERSION, facts.study_version)
    yield sample(centre.SITE_EXPORTER, 1, ("release", facts.release))
    yield sample(centre.SITE_EXPORTER_OUTDATED, int(is_older(facts.release, release_number())))
    for kind, readable in sorted(facts.sources.items()):
        yield sample(centre.SITE_SOURCE_UP, int(readable), ("kind", kind))
    if facts.storage is not None:
        yield sample(centre.SITE_STORAGE_LOW, int(facts.storage == "low"))
    if facts.key_months is not None:
        yield sample(centre.SITE_KEY_MONTHS, facts.key_months)
    if facts.learning is not None:
        for state, rounds in sorted(facts.learning.model_dump().items()):
            yield sample(centre.SITE_LEARNING_ROUNDS, rounds, ("state", state))
    for table, offer in sorted(facts.tables.items()):
        yield sample(centre.SITE_TABLE, 1, ("table", table), ("offer", offer))
    for key, shown in standing.tables.items():
        yield sample(centre.TABLE_VERSION, shown.version, ("table", str(key)))
        yield sample(centre.TABLE_RELEASED, shown.released.timestamp(), ("table", str(key)))
        if shown.exact:
            yield sample(centre.TABLE_EXACT, 1, ("table", str(key)))


def _labels(standing: Standing, key: TableKey, table: Table) -> Labels:
    per = ((table.per, key.per),) if table.per else ()
    return (("study", standing.study), ("site", standing.site), *per)


def _cells(table: Table, labels: Labels, shown: Shown) -> Iterator[Sample]:
    names = [dimension.label for dimension in table.dimensions]
    for codes, value in shown.cells.items():
        yield Sample(table.metric, (*labels, *zip(names, codes, strict=True)), value)


def _histogram(table: Table, labels: Labels, shown: Shown) -> Iterator[Sample]:
    """Cumulative buckets, `+Inf` and `_count` equal to what is shown, and a `_sum` from the buckets' middles.

    A bucket reaches from the published edge before it; the first from 0; the open one counts with its lower edge.
    """
    edges = [edge for edge in table.dimensions[0].codes if (edge,) in shown.cells]
    values = [shown.cells[edge,] for edge in edges]
    for edge, value in zip(edges, accumulate(values), strict=True):
        if edge != "+Inf":
            yield Sample(f"{table.metric}_bucket", (*labels, ("le", edge)), value)
    yield Sample(f"{table.metric}_bucket", (*labels, ("le", "+Inf")), sum(values))
    yield Sample(f"{table.metric}_count", labels, sum(values))
    yield Sample(f"{table.metric}_sum", labels, _middle_sum(edges, values))


def _middle_sum(edges: list[str], values: list[int]) -> float:
    total, lower = 0.0, 0.0
    for edge, value in zip(edges, values, strict=True):
        upper = lower if edge == "+Inf" else float(edge)
        total += (lower + upper) / 2 * value
        lower = upper
    return total
