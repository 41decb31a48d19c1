"""Every metric family of /metrics in its fixed order, and the text format (version 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from studyscope_aggregator.samples import Sample
from studyscope_contract.catalogue import TABLES, centre, forecast
from studyscope_contract.metric import Kind, Series, Table

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SITE_STATE_SERIES = (
    centre.SITE_INFO,
    centre.SITE_STATE,
    centre.SITE_REPORT_AGE,
    centre.SITE_MISSED_GRID_POINTS,
    centre.SITE_TARGET,
    centre.SITE_TARGET_BY_NOW,
    centre.SITE_TARGET_DUE,
    forecast.SITE_TARGET,
    centre.SITE_MILESTONE_DUE,
    centre.SITE_MILESTONE_PASSED,
    centre.SITE_REFUSED_REPORTS,
    centre.SITE_KEY_EXPIRY,
    centre.SITE_DEFINED_OTHERWISE,
    centre.SITE_RETRACTED,
    centre.SITE_MERGED,
    centre.SITE_DOWNTIME,
)
"""Derived from registry, clock and other reports; the other series of a site come from its report."""


def _table_series(table: Table) -> tuple[Series, ...]:
    if table.kind is not Kind.HISTOGRAM:
        return (Series(table.metric, table.help),)
    return (
        Series(f"{table.metric}_bucket", f"{table.help} Cumulative, as the site publishes it."),
        Series(f"{table.metric}_count", f"{table.help} Patients in all published buckets."),
        Series(f"{table.metric}_sum", f"{table.help} Sum over the middles of the published buckets, the open one at its edge."),
    )


REPORT_FAMILIES: tuple[Series, ...] = (
    *(series for table in TABLES.values() for series in _table_series(table)),
    *(series for series in centre.SITE_SERIES if series not in SITE_STATE_SERIES),
)
"""Families whose samples change only with a report."""

MOVING_FAMILIES: tuple[Series, ...] = (
    *centre.STUDY_SERIES,
    *SITE_STATE_SERIES,
    *(series for table in TABLES.values() for series in centre.total_series(table)),
    *(series for table in TABLES.values() if (series := centre.pool_series(table)) is not None),
)
"""Families whose samples follow the clock, the registry or other sites."""


def _header(series: Series) -> bytes:
    text = series.help.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {series.name} {text}\n# TYPE {series.name} {series.type}\n".encode()


HEADERS: Mapping[str, bytes] = MappingProxyType({series.name: _header(series) for series in (*REPORT_FAMILIES, *MOVING_FAMILIES)})
"""HELP and TYPE of each family by its name."""


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def line(sample: Sample) -> str:
    """One line of the text format, without timestamp."""
    labels = ",".join(f'{name}="{escaped(value)}"' for name, value in sample.labels)
    value = int(sample.value) if sample.value == int(sample.value) else sample.value
    return f"{sample.name}{{{labels}}} {value}\n"


def by_family(samples: Iterable[Sample]) -> dict[str, str]:
    """The lines of each family, in the order in which they come."""
    lines: dict[str, list[str]] = {}
    for sample in samples:
        lines.setdefault(sample.name, []).append(line(sample))
    return {name: "".join(parts) for name, parts in lines.items()}
