"""Panels for any table of the catalogue: one site's or the pool's distribution, and sites compared."""

from __future__ import annotations

from grafana_foundation_sdk.builders import barchart, bargauge, timeseries

from studyscope_contract.metric import Kind, Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.palette import colours
from studyscope_dashboards.panels import bars, colour_overrides, lines, now, over_time, rows, shares, transformed


def codes_of(table: Table) -> tuple[str, ...]:
    """The codes of a one-way table, in the catalogue's order."""
    (dimension,) = table.dimensions
    return dimension.codes


def shown_of_site(panel_id: int, title: str, table: Table, *matchers: str) -> bargauge.Panel:
    """What the chosen site shows of `table`, longest bar first."""
    label = table.dimensions[0].label
    panel = bars(panel_id, title, f"{table.help} Codes under the site's threshold are not drawn.")
    return panel.with_target(now(f"sort_desc(max by ({label}) ({q.of_sites(table.metric, *matchers)}))", f"{{{{{label}}}}}"))


def pooled(panel_id: int, title: str, table: Table, *matchers: str) -> bargauge.Panel:
    """The consortium's last known totals of `table`, with how much of all patients they cover."""
    label = table.dimensions[0].label
    panel = bars(
        panel_id,
        title,
        f"{table.help} Last known totals of the codes that the sites show; what is under a site's threshold is not in them.",
    )
    return panel.with_target(now(f"sort_desc({q.total(table, '', 'last_known', *matchers)})", f"{{{{{label}}}}}"))


def compared(panel_id: int, title: str, table: Table, *matchers: str) -> barchart.Panel:
    """Shares of the shown patients per site, one bar per site, so that small and large sites can be compared."""
    label = table.dimensions[0].label
    multiple = " A patient can be in several codes." if table.kind is Kind.MULTI else ""
    panel = shares(panel_id, title, f"{table.help} Shares of what each site shows.{multiple}")
    matrix = transformed("groupingToMatrix", columnField=label, rowField="site", valueField="Value", emptyValue="null")
    panel = panel.with_target(rows(f"max by (site, {label}) ({q.of_sites(table.metric, *matchers)})"))
    panel = panel.transformations([matrix]).x_field(f"site\\{label}")
    for name, properties in colour_overrides(colours(codes_of(table))):
        panel = panel.override_by_name(name, properties)
    return panel


def history_by_code(panel_id: int, title: str, table: Table, *matchers: str) -> timeseries.Panel:
    """The chosen sites' daily history of `table`, one line per code."""
    label = table.dimensions[0].label
    panel = lines(panel_id, title, f"{table.help} Daily history at its true time, last known where a site was silent.")
    expr = f"sum by ({label}) ({q.daily(table.metric, *matchers, window=q.LAST_KNOWN_WINDOW)})"
    panel = panel.with_target(over_time(expr, f"{{{{{label}}}}}"))
    for name, properties in colour_overrides(colours(codes_of(table))):
        panel = panel.override_by_name(name, properties)
    return panel


def quantiles_by_site(panel_id: int, title: str, table: Table, unit: str, *matchers: str) -> barchart.Panel:
    """First quartile, median and third quartile of a histogram per site, read from its published buckets."""
    panel = shares(
        panel_id,
        title,
        f"{table.help} Quartiles read from the published buckets, so they are as coarse as these.",
        unit,
    )
    for ref, (quantile, name) in zip("ABC", ((0.25, "first quartile"), (0.5, "median"), (0.75, "third quartile")), strict=True):
        expr = f"histogram_quantile({quantile}, sum by (site, le) ({q.of_sites(q.cell_series(table), *matchers)}))"
        panel = panel.with_target(rows(f'label_replace({expr}, "quantile", "{name}", "site", ".*")', ref))
    matrix = transformed("groupingToMatrix", columnField="quantile", rowField="site", valueField="Value", emptyValue="null")
    return panel.transformations([transformed("merge"), matrix]).x_field("site\\quantile")
