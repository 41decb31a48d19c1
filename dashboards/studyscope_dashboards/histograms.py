"""Panels of histograms: what lies in each bucket per site, cumulative curves, and how far a site is from the pool.

Sites publish cumulative buckets and may have merged neighbours (privacy.md 2.7), so what lies in a bucket is its cumulative
count less that of the nearest lower edge that the same site publishes.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import heatmap, table, trend
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from studyscope_contract.catalogue import centre
from studyscope_contract.metric import Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.coverage_line import LABEL, coverage_line
from studyscope_dashboards.fields import by_site, setting, shading, site_link_column, transformed
from studyscope_dashboards.many_sites import LINES, LINES_OF, largest
from studyscope_dashboards.panels import curves, grid, over_days, rows, warmth
from studyscope_dashboards.site_colours import site_styles
from studyscope_dashboards.why_nothing import COLUMN, MOVED, with_status, with_words

CLOSED, WHOLE = 'le!="+Inf"', 'le="+Inf"'
POOL = "all sites"


def edges_of(table_: Table) -> tuple[str, ...]:
    """The upper edges of the histogram's buckets, the open one last."""
    return table_.dimensions[0].codes


def bucket_names(table_: Table) -> dict[str, str]:
    """Headings by edge, which stay true where a site has joined buckets: `≤ 5` reaches from the site's next lower column."""
    return {edge: "more" if edge == "+Inf" else f"≤ {float(edge):g}" for edge in edges_of(table_)}


def shares_by_bucket(table_: Table, *matchers: str) -> str:
    """Per cent of the site's shown patients in each bucket, with labels site and `bucket`."""
    names, parts = bucket_names(table_), []
    for place, edge in enumerate(edges_of(table_)):
        here = _cumulative(table_, f'le="{edge}"', *matchers)
        inside = here
        if place:
            below = "|".join(other.replace(".", "[.]") for other in edges_of(table_)[:place])
            lower = f'le=~"{below}"'
            inside = f"({here} - on (site) ({_cumulative(table_, lower, *matchers)} or 0 * {here}))"
        parts.append(f'label_replace({inside}, "bucket", "{names[edge]}", "", "")')
    whole = _cumulative(table_, WHOLE, *matchers)
    return f"100 * ({' or '.join(parts)}) / on (site) group_left () {whole}"


def _cumulative(table_: Table, *matchers: str) -> str:
    return f"max by (site) ({q.of_sites(q.cell_series(table_), *matchers)})"


def heat_by_site(panel_id: int, title: str, table_: Table, *matchers: str) -> table.Panel:
    """A heat map with a row for every site and a column for every bucket."""
    panel = grid(
        panel_id,
        title,
        f"{table_.help} Per cent of the patients that the site shows, the darker the more. A column reaches from the site's "
        "number before it; – stands for a bucket that the site joined to the one on its right.",
    )
    cells = with_status(shares_by_bucket(table_, *matchers), "bucket", table_, *matchers)
    panel = panel.with_target(rows(cells)).transformations(by_site("bucket", (COLUMN, MOVED, *bucket_names(table_).values())))
    panel = panel.override_by_field_type("number", shading(60, "–")).override_by_name(*site_link_column("Site"))
    return with_words(panel).min_width(48)


def heat_over_time(panel_id: int, title: str, table_: Table, unit: str, *matchers: str) -> heatmap.Panel:
    """How the distribution moved: days across, buckets upwards.

    Grafana takes what lies in a bucket by place and not by time, so each day has all buckets or none.
    """
    panel = warmth(
        panel_id,
        title,
        f"{table_.help} Daily history of the chosen sites, last known; only at edges that all of them publish at both ends of "
        "the time range, because sums at other edges would not grow. Days on which a site published others are left out.",
        unit,
    )
    cell = q.cell_series(table_)
    now, then = _shared_edges(q.last(cell, *matchers, at_end=True)), q.of_sites(centre.history_name(cell), *matchers)
    then = f"last_over_time({then}[{q.LAST_KNOWN_WINDOW}] @ start())"
    edges = f"({now} unless on (le) (({now} unless on (le) {_shared_edges(then)}) and on () count({then})))"
    known = f"({q.last_known(cell, *matchers)} and on (le) {edges})"
    complete = f"count({known}) == count({edges}) * count({q.last_known(cell, *matchers, WHOLE)})"
    target = over_days(f"sum by (le) ({known}) and on () ({complete})", "{{le}}")
    return panel.with_target(target.format(PromQueryFormat.HEATMAP))


def _shared_edges(buckets: str) -> str:
    """The edges that every site in `buckets` publishes."""
    return f"(count by (le) ({buckets}) == on () group_left () count(count by (site) ({buckets})))"


def cumulative_curves(panel_id: int, title: str, table_: Table, *matchers: str) -> trend.Panel:
    """One curve per site and one of all: where a curve lies to the right, values are larger."""
    panel = curves(
        panel_id,
        title,
        f"{table_.help} Per cent of a site's shown patients up to each value: a curve further right holds larger values. "
        f"The thick line is the curve of {POOL} together. {LINES_OF}",
        "percent",
    )
    share = f"100 * max by (site, le) ({q.of_sites(q.cell_series(table_), CLOSED, *matchers)})"
    share += f" / on (site) group_left () {_cumulative(table_, WHOLE, *matchers)}"
    pool = f"100 * sum by (le) ({q.total(table_, '', 'last_known', *matchers, CLOSED)})"
    pool += f" / on () group_left () sum({q.total(table_, '', 'last_known', *matchers, WHOLE)})"
    begin = f'label_replace(0 * {_cumulative(table_, WHOLE, *matchers)}, "le", "0", "", "")'
    nobody = or_nobody(q.of_sites(q.cell_series(table_), WHOLE, *matchers), "le", "site")
    covers = named_in_legend(coverage_line(table_, *matchers), "le", "site")
    drawn = largest(_cumulative(table_, WHOLE, *matchers), LINES)
    both = (
        f'(({share} or {begin}) and on (site) {drawn}) or label_replace({pool}, "site", "{POOL}", "", "") or {covers} or {nobody}'
    )
    panel = panel.with_target(rows(both)).transformations(matrix("le", "site", "Up to"))
    panel = panel.override_by_name("Up to", [setting("unit", "none")])
    for pattern, properties in site_styles():
        panel = panel.override_by_regexp(pattern, properties)
    return panel


def or_nobody(series: str, row: str, column: str, words: str = "no site shows numbers") -> str:
    """One point without a value while there is none of `series`: without any point Grafana draws an error of its own."""
    missing = f"NaN * count({q.of_study(centre.SITE_INFO.name)}) unless on () count({series})"
    return f'label_replace(label_replace({missing}, "{row}", "0", "", ""), "{column}", "{words}", "", "")'


def named_in_legend(line: str, row: str, column: str) -> str:
    """A coverage line as an entry of the legend: a series without a value."""
    return f'label_replace(label_replace(NaN * {line}, "{column}", "$1", "{LABEL}", "(.*)"), "{row}", "0", "", "")'


def matrix(row: str, column: str, heading: str, queries: int = 1) -> list[models.DataTransformerConfig]:
    """Rows by the number in label `row`, columns by label `column`; the first column is called `heading`.

    The answers of several `queries` are laid into one table before, each of whose rows has the value of one of them.
    """
    corner = f"{row}\\{column}"
    return [
        *(_one_table(queries) if queries > 1 else ()),
        transformed("groupingToMatrix", columnField=column, rowField=row, valueField="Value", emptyValue="null"),
        transformed("convertFieldType", conversions=[{"targetField": corner, "destinationType": "number"}]),
        transformed("organize", renameByName={corner: heading}, indexByName={}, excludeByName={}),
        transformed("sortBy", fields={}, sort=[{"field": heading}]),
    ]


def _one_table(queries: int) -> tuple[models.DataTransformerConfig, ...]:
    values = [f"Value #{ref}" for ref in "ABCDEF"[:queries]]
    picked = {"include": values, "reducer": "lastNotNull"}
    return transformed("merge"), transformed("calculateField", mode="reduceRow", alias="Value", reduce=picked)


def distance_from_pool(table_: Table, least_sites: int = 4) -> str:
    """How far apart the cumulative curves of a site and of all sites are at their widest, in per cent; by site and `per`."""
    per = f", {table_.per}" if table_.per else ""
    bucket = f"max by (site{per}, le) ({q.of_study(q.cell_series(table_))})"
    whole = f"max by (site{per}) ({q.of_study(q.cell_series(table_), WHOLE)})"
    on_site = f"on (site{per}) group_left ()"
    by_edge = f"le{per}"
    pooled_whole = f"sum by ({by_edge}) ({bucket} * 0 + {on_site} {whole})"
    enough = f"count by ({by_edge}) ({bucket}) >= {least_sites}"
    pool = f"(sum by ({by_edge}) ({bucket}) / {pooled_whole} and {enough})"
    apart = f"abs({bucket} / {on_site} {whole} - on ({by_edge}) group_left () {pool})"
    chosen = f"on (site) {q.of_sites(centre.SITE_INFO.name)}"
    return f"100 * max by (site{per}) ({apart}) and {chosen}"


def sites_unlike_the_pool(panel_id: int, title: str, table_: Table, column: str) -> table.Panel:
    """A row for every site; `column` is the label that its columns stand for."""
    panel = grid(
        panel_id,
        title,
        f"{table_.help} Per cent by which the cumulative curves of the site and of all sites lie apart at their widest. "
        "Judged at edges that at least four sites publish. Small sites lie apart by chance: see the alert site_unlike_pool.",
    )
    cells = distance_from_pool(table_)
    panel = panel.with_target(rows(with_status(cells, column, table_))).transformations(by_site(column, (COLUMN, MOVED)))
    panel = panel.override_by_field_type("number", shading(40, "–")).override_by_name(*site_link_column("Site"))
    return with_words(panel)
