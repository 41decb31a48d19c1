"""What is so at a site without being a fault of today: reports taken back, a planned downtime, a merger, other definitions."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table

from studyscope_contract.catalogue import centre
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import columns, setting, site_link_column
from studyscope_dashboards.panels import grid, rows

_PARTS = (
    (f"{q.of_sites(centre.SITE_RETRACTED.name)} > 0", "reports taken back: in no number any more"),
    (f"{q.of_sites(centre.SITE_DEFINED_OTHERWISE.name)} > 0", "tables of an older study version: in no total"),
    (f"{q.of_sites(centre.SITE_EXPORTER_OUTDATED.name)} > 0", "exporter of an older release than the centre"),
    (f"1 + 0 * ({q.of_sites(centre.SITE_DOWNTIME.name)} > time())", "in a planned downtime: its alerts wait"),
)


def out_of_the_ordinary(panel_id: int) -> table.Panel:
    """A row for each site and what is so; empty is the usual case, and says so."""
    panel = grid(
        panel_id,
        "Out of the ordinary",
        "Reports that were taken back, tables that no total holds, older exporters, planned downtimes and mergers of sites.",
    ).no_value("Nothing taken back, no downtime, no merger; every exporter is up to date.")
    said = " or ".join(f'label_replace(max by (site) ({expr}), "what", "{words}", "", "")' for expr, words in _PARTS)
    merged = f"max by (site, into) ({q.of_sites(centre.SITE_MERGED.name)})"
    merged = f'max by (site, what) (label_replace({merged}, "what", "goes on as $1", "into", "(.*)"))'
    shown = (("site", "Site"), ("what", "What"), ("Value", "How many"))
    panel = panel.with_target(rows(f"{said} or {merged}")).transformations(columns(*shown))
    panel = panel.override_by_name("How many", [setting("custom.width", 100)])
    return panel.override_by_name(*site_link_column("Site")).override_by_name("What", [setting("custom.minWidth", 260)])
