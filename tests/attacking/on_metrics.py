"""T7, T8, T17: somebody who may scrape the centre as often as they like, in every format it speaks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from studyscope_contract.catalogue import TABLES, centre
from studyscope_contract.metric import Kind, Table

SIDE_CHANNELS = re.compile(r"(_created|_total|_info_created)$|^(process|python|go|http|scrape)_|^studyscope_")
"""Names that tell how a program works: when it began, how much it did, whether it is busy (privacy.md 6, A23)."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Overheard:
    """What is on a page that does not belong there; all empty is a pass."""

    foreign: frozenset[str]  # names that no catalogue lists
    side_channels: frozenset[str]
    exemplars: int
    timestamps: int

    def __bool__(self) -> bool:
        return bool(self.foreign or self.side_channels or self.exemplars or self.timestamps)


def allowed_names() -> frozenset[str]:
    """Every series of the catalogue."""
    names = {series.name for series in (*centre.SITE_SERIES, *centre.STUDY_SERIES)}
    for table in TABLES.values():
        names |= {series.name for series in (*centre.total_series(table), centre.pool_series(table)) if series is not None}
        histogram = table.kind is Kind.HISTOGRAM
        names |= {f"{table.metric}_{part}" for part in ("bucket", "count", "sum")} if histogram else {table.metric}
    return frozenset(names)


def overheard(pages: Iterable[str]) -> Overheard:
    """Names, exemplars and timestamps of pages in the text or the OpenMetrics format."""
    names, exemplars, timestamps = set[str](), 0, 0
    for page in pages:
        for line in page.splitlines():
            if not line or line.startswith("#"):
                continue
            sample, _, exemplar = line.partition(" # ")
            exemplars += bool(exemplar)
            names.add(re.split(r"[{ ]", sample, maxsplit=1)[0])
            timestamps += len(sample.rpartition("}")[2].split()) > (1 if "}" in sample else 2)
    side = frozenset(name for name in names if SIDE_CHANNELS.search(name))
    return Overheard(frozenset(names) - allowed_names(), side, exemplars, timestamps)


@dataclass(frozen=True)
class Histogram:
    """One site's histogram as it is scraped: cumulative buckets in order of their edges, sum and count."""

    table: Table
    buckets: tuple[tuple[str, float], ...]
    sum: float
    count: float

    @property
    def parts(self) -> tuple[float, ...]:
        """Patients of each bucket alone: what subtraction gives."""
        sizes = [size for _, size in self.buckets]
        return tuple(size - before for before, size in zip([0.0, *sizes], sizes, strict=False))


def histograms(page: str) -> list[Histogram]:
    """Every site histogram on a page in the text format."""
    values: dict[tuple[str, Labels], float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            values[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    found = []
    for table in TABLES.values():
        if table.kind is Kind.HISTOGRAM:
            owners = [labels for name, labels in values if name == f"{table.metric}_count"]
            found += [_histogram(table, labels, values) for labels in owners]
    return found


def _histogram(table: Table, whose: Labels, values: Mapping[tuple[str, Labels], float]) -> Histogram:
    edges = {
        dict(labels)["le"]: value
        for (name, labels), value in values.items()
        if name == f"{table.metric}_bucket" and set(whose) <= set(labels)
    }
    buckets = tuple(sorted(edges.items(), key=lambda item: float(item[0])))
    return Histogram(table, buckets, values[f"{table.metric}_sum", whose], values[f"{table.metric}_count", whose])


def newcomer(before: tuple[float, float], after: tuple[float, float]) -> float | None:
    """A9: the value of the one patient who came between two looks at (count, sum); None when not one came."""
    return after[1] - before[1] if after[0] - before[0] == 1 else None
