"""What a page's totals cover: of how many patients, of which sites, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import table as table_builder

from studyscope_contract.catalogue import centre, progress
from studyscope_contract.metric import Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.coverage_line import last_moved, patients_in_cells, sites_in_it
from studyscope_dashboards.fields import columns, setting
from studyscope_dashboards.panels import grid, rows


@dataclass(frozen=True)
class Covered:
    """A table of the page, as its panels call it; `matchers` choose one of a table per structure or workflow."""

    title: str
    table: Table
    matchers: tuple[str, ...] = ()


def what_is_covered(panel_id: int, covered: Sequence[Covered]) -> table_builder.Panel:
    panel = grid(
        panel_id,
        "What the totals of this page cover",
        "Shown cells cover so many of the patients that the sites show; where one can be in several cells, the fullest counts. "
        "Sites in the total, of those expected; the oldest number in it, and when a site's number last moved.",
    )
    whole = f"sum by (study) ({q.total(progress.PATIENTS)})"
    expected = f"max by (study) ({q.of_study(centre.SITES_EXPECTED.name)})"
    for ref, parts in (
        ("A", [_named(_shown(one), one) for one in covered]),
        ("B", [_named(f"{whole} and on (study) {_shown(one)}", one) for one in covered]),
        ("C", [_named(_sites(one), one) for one in covered]),
        ("D", [_named(expected, one) for one in covered]),
        ("E", [_named(_oldest(one), one) for one in covered]),
        ("F", [_named(_moved(one), one) for one in covered]),
    ):
        panel = panel.with_target(rows(" or ".join(parts), ref))
    shown = (
        ("table", "Table"),
        ("Value #A", "Shown cells cover"),
        ("Value #B", "of patients"),
        ("Value #C", "Sites in it"),
        ("Value #D", "of sites"),
        ("Value #E", "Oldest number of"),
        ("Value #F", "Last moved"),
    )
    panel = panel.transformations(columns(*shown, hidden=("study",)))
    panel = panel.override_by_name("Table", [setting("custom.width", 300)])
    for heading in ("Oldest number of", "Last moved"):
        panel = panel.override_by_name(heading, [setting("unit", "time:YYYY-MM-DD"), setting("noValue", "–")])
    for heading in ("Shown cells cover", "of patients", "Sites in it"):
        panel = panel.override_by_name(heading, [setting("noValue", "no site shows it")])
    return panel.min_width(60).height(3 + len(covered))


def _named(expr: str, one: Covered) -> str:
    return f'label_replace({expr}, "table", "{one.title}", "", "")'


def _shown(one: Covered) -> str:
    return patients_in_cells(one.table, *one.matchers)


def _sites(one: Covered) -> str:
    return sites_in_it(one.table, *one.matchers)


def _oldest(one: Covered) -> str:
    return f"1000 * min by (study) ({q.total(one.table, 'oldest_release_timestamp_seconds', 'last_known', *one.matchers)})"


def _moved(one: Covered) -> str:
    return f"1000 * {last_moved(one.table, *one.matchers)}"
