"""Sums over patients, such as imaging studies: what all sites show together, and a row for each."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import bargauge, table

from studyscope_contract.catalogue import centre
from studyscope_contract.metric import Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.bounds import with_bounds
from studyscope_dashboards.distributions import with_coverage
from studyscope_dashboards.fields import columns, site_link_column
from studyscope_dashboards.panels import bars, grid, rows
from studyscope_dashboards.panels import now as at_end
from studyscope_dashboards.why_nothing import COLUMN, status, with_words


def sum_of_all(panel_id: int, title: str, table_: Table) -> bargauge.Panel:
    """What the sites show together, and between which bounds it lies."""
    panel = bars(
        panel_id,
        title,
        f"{table_.help} Each patient adds at most {table_.clip}, so the true sum can be larger. Grey: of which sites.",
    )
    panel = panel.with_target(at_end(f"sum({q.total(table_)})", "shown", "S"))
    return with_coverage(with_bounds(panel, table_), table_)


def sums_by_site(panel_id: int, title: str, shown: Sequence[tuple[str, Table]]) -> table.Panel:
    """A row for every registered site, whatever it shows; why nothing is said of the first table."""
    panel = grid(
        panel_id,
        title,
        "Sums over the site's patients; each patient adds a bounded amount, and nothing is shown where one or two people are "
        "most of it.",
    ).no_value("–")
    panel = panel.with_target(rows(f"max by (site, name) ({q.of_sites(centre.SITE_INFO.name)})", "A"))
    panel = panel.with_target(rows(f"max by (site) ({status(shown[0][1])})", "B"))
    headings = [("site", "Site"), ("Value #B", COLUMN)]
    for ref, (heading, table_) in zip("CDEF", shown, strict=False):
        panel = panel.with_target(rows(f"max by (site) ({q.of_sites(table_.metric)})", ref))
        headings.append((f"Value #{ref}", heading))
    panel = panel.transformations(columns(*headings, hidden=("Value #A", "name"))).override_by_name(*site_link_column("Site"))
    return with_words(panel)
