"""Outcome by subgroup: the two-way tables that hospitals declare, as the share of one outcome in each subgroup."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table

from studyscope_contract.metric import Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import by_site, shading, site_link_column
from studyscope_dashboards.panels import grid, rows
from studyscope_dashboards.why_nothing import COLUMN, MOVED, with_status, with_words

ALL = "all sites"


def share_by_subgroup(panel_id: int, title: str, table_: Table, outcomes: tuple[str, ...], *matchers: str) -> table.Panel:
    """A row for every site and one for all: per cent of each subgroup with one of `outcomes`."""
    outcome, group = table_.dimensions
    panel = grid(
        panel_id,
        title,
        f"{table_.help} Per cent of each subgroup that is {' or '.join(outcomes)}, of the cells that are shown. "
        "A hospital declares such a table in its policy, so most sites do not offer it.",
    )
    bad = f'{outcome.label}=~"{"|".join(outcomes)}"'
    by = f"by (site, {group.label})"
    cells = f"100 * sum {by} ({q.of_sites(table_.metric, *matchers, bad)}) / sum {by} ({q.of_sites(table_.metric, *matchers)})"
    total_bad, total = (
        f"sum by ({group.label}) ({q.total(table_, '', 'last_known', *matchers, *more)})" for more in ((bad,), ())
    )
    pool = f'label_replace(100 * {total_bad} / {total}, "site", "{ALL}", "", "")'
    panel = panel.with_target(rows(f"{with_status(cells, group.label, table_, *matchers)} or {pool}"))
    panel = panel.transformations(by_site(group.label, (COLUMN, MOVED, *group.codes)))
    panel = panel.override_by_field_type("number", shading(50, "–")).override_by_name(*site_link_column("Site"))
    return with_words(panel)
