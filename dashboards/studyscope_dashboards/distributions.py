"""Panels for any table of the catalogue: one site's or the pool's distribution, and sites compared."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import barchart, bargauge, timeseries
from grafana_foundation_sdk.builders import table as table_builder

from studyscope_contract.catalogue import progress
from studyscope_contract.metric import Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.coverage_line import EVERYBODY, coverage_line, everybody, public_coverage_line
from studyscope_dashboards.coverage_line import LABEL as COVERS
from studyscope_dashboards.fields import by_site, colour_overrides, setting, shading, site_link_column
from studyscope_dashboards.many_sites import CHOOSE, bars_by_site
from studyscope_dashboards.palette import BLUE, GREY, PETROL, colours
from studyscope_dashboards.panels import bars, grid, lines, now, over_days, rows, shares, site_bars
from studyscope_dashboards.why_nothing import COLUMN, MOVED, rows_without, with_status, with_words

QUARTILES = {0.25: "first quartile", 0.5: "median", 0.75: "third quartile"}


def codes_of(table: Table) -> tuple[str, ...]:
    """The codes of a one-way table, in the catalogue's order."""
    (dimension,) = table.dimensions
    return dimension.codes


def shown_of_site(panel_id: int, title: str, table: Table, *matchers: str) -> bargauge.Panel:
    """What the chosen site shows of `table`, longest bar first."""
    label = table.dimensions[0].label
    panel = bars(panel_id, title, f"{table.help} Codes under the site's threshold are not drawn.")
    return panel.with_target(now(f"sort_desc(max by ({label}) ({q.of_sites(table.metric, *matchers)}))", f"{{{{{label}}}}}"))


def pooled(panel_id: int, title: str, table: Table, *matchers: str, public: bool = False) -> bargauge.Panel:
    """The consortium's last known totals of `table`, with how much of all patients they cover."""
    label = table.dimensions[0].label
    panel = bars(
        panel_id,
        title,
        f"{table.help} Last known totals of the codes that the sites show; what is under a site's threshold is not in them. "
        "Grey: the patients in these codes, of how many sites, days since a number moved; and all patients that the sites show.",
    )
    panel = panel.with_target(now(f"sort_desc({q.total(table, '', 'last_known', *matchers)})", f"{{{{{label}}}}}"))
    return with_coverage(panel, table, *matchers, public=public)


def with_coverage(panel: bargauge.Panel, table: Table, *matchers: str, public: bool = False) -> bargauge.Panel:
    """Two grey bars more: what the total covers, and all of which it is a part; `public`: from totals alone."""
    line = (public_coverage_line if public else coverage_line)(table, *matchers)
    panel = panel.with_target(now(line, f"{{{{{COVERS}}}}}", "Y"))
    panel = panel.with_target(now(everybody(), EVERYBODY, "Z"))
    grey = [setting("color", {"mode": "fixed", "fixedColor": GREY})]
    return panel.override_by_query("Y", grey).override_by_query("Z", grey)


def compared(panel_id: int, title: str, table: Table, *matchers: str) -> barchart.Panel:
    """Shares of the shown patients per site; for tables in which a patient is in exactly one code."""
    label = table.dimensions[0].label
    shown = q.of_sites(table.metric, *matchers)
    panel = shares(
        panel_id,
        title,
        f"{table.help} Shares of what each site shows; codes under its threshold are left out. A site without a bar says why. "
        f"{CHOOSE}",
    )
    share = f"max by (site, {label}) ({shown}) / on (site) group_left () sum by (site) ({shown})"
    share = rows_without(share, label, codes_of(table)[0], table, *matchers)
    panel = panel.with_target(rows(share)).transformations(bars_by_site(label, codes_of(table))).x_field("Site")
    for name, properties in colour_overrides(colours(codes_of(table))):
        panel = panel.override_by_name(name, properties)
    return panel


def compared_in_table(panel_id: int, title: str, table: Table, *matchers: str) -> table_builder.Panel:
    """Per cent of each site's patients per code; for tables in which a patient can be in several codes."""
    label = table.dimensions[0].label
    panel = grid(panel_id, title, f"{table.help} Per cent of the site's patients; – stands for few, none or withheld.")
    shown = f"max by (site, {label}) ({q.of_sites(table.metric, *matchers)})"
    whole = f"max by (site) ({q.of_sites(progress.PATIENTS.metric)})"
    cells = f"clamp_max(100 * {shown} / on (site) group_left () {whole}, 100)"
    panel = panel.with_target(rows(with_status(cells, label, table, *matchers)))
    panel = panel.transformations(by_site(label, (COLUMN, MOVED, *codes_of(table))))
    panel = panel.override_by_field_type("number", shading(100, "–")).override_by_name(*site_link_column("Site"))
    return with_words(panel)


def numbers_in_table(panel_id: int, title: str, table: Table, *matchers: str) -> table_builder.Panel:
    """The numbers themselves: as the site's policy rounds them, or exact where the protocol obliges to it."""
    label = table.dimensions[0].label
    panel = grid(
        panel_id,
        title,
        f"{table.help} As each site shows them: rounded by its policy, or exact where the study's protocol obliges it. "
        "– stands for few, none or withheld.",
    )
    shown = f"max by (site, {label}) ({q.of_sites(table.metric, *matchers)})"
    panel = panel.with_target(rows(with_status(shown, label, table, *matchers)))
    panel = panel.transformations(by_site(label, (COLUMN, MOVED, *codes_of(table)))).no_value("–")
    return with_words(panel.override_by_name(*site_link_column("Site")))


def share_of_codes(panel_id: int, title: str, table: Table, codes: Sequence[str], deepest: float) -> table_builder.Panel:
    """One row per site, one column per structure, workflow or what else the table exists for: a weak one stands out as either.

    `deepest`: per cent from which the colour grows no darker.
    """
    (dimension,) = table.dimensions
    if table.per is None:
        raise ValueError(f"{table.id} exists once and has no columns")
    panel = grid(
        panel_id,
        title,
        f"{table.help} Per cent of the patients shown: {' or '.join(codes).replace('_', ' ')}; – where these are few or none, "
        "or the table is withheld.",
    )
    by = f"by (site, {table.per})"
    wanted = q.of_sites(table.metric, f'{dimension.label}=~"{"|".join(codes)}"')
    share = f"100 * sum {by} ({wanted}) / sum {by} ({q.of_sites(table.metric)})"
    panel = panel.with_target(rows(with_status(share, table.per, table))).transformations(by_site(table.per, (COLUMN, MOVED)))
    panel = panel.override_by_field_type("number", shading(deepest, "–")).override_by_name(*site_link_column("Site"))
    return with_words(panel)


def history_by_code(panel_id: int, title: str, table: Table, *matchers: str) -> timeseries.Panel:
    """The chosen sites' daily history of `table`, one line per code."""
    label = table.dimensions[0].label
    panel = lines(panel_id, title, f"{table.help} Daily history at its true time, last known where a site was silent.")
    expr = f"sum by ({label}) ({q.last_known(table.metric, *matchers)})"
    panel = panel.with_target(over_days(expr, f"{{{{{label}}}}}"))
    for name, properties in colour_overrides(colours(codes_of(table))):
        panel = panel.override_by_name(name, properties)
    return panel


def quantiles_by_site(panel_id: int, title: str, table: Table, unit: str, *matchers: str) -> barchart.Panel:
    """First quartile, median and third quartile of a histogram per site, read from its published buckets."""
    description = (
        f"{table.help} Quartiles read from the published buckets, so they are as coarse as these: "
        f"one in the open last bucket reads as that bucket's lower edge. {CHOOSE}"
    )
    panel = site_bars(panel_id, title, description, unit).decimals(1)
    buckets = f"sum by (site, le) ({q.of_sites(q.cell_series(table), *matchers)})"
    named = (
        f'label_replace(histogram_quantile({quantile}, {buckets}), "quantile", "{name}", "site", ".*")'
        for quantile, name in QUARTILES.items()
    )
    quartiles = rows_without(" or ".join(named), "quantile", QUARTILES[0.25], table, *matchers)
    panel = panel.with_target(rows(quartiles)).transformations(bars_by_site("quantile", tuple(QUARTILES.values())))
    for name, properties in colour_overrides(dict(zip(QUARTILES.values(), (PETROL, BLUE, GREY), strict=True))):
        panel = panel.override_by_name(name, properties)
    return panel.x_field("Site")
