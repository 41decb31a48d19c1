"""How far the study is and how fast it goes: stages, pace and plan, site by site."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, common, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build

from studyscope_contract.catalogue import centre, progress, subgroups
from studyscope_dashboards import queries as q
from studyscope_dashboards.by_subgroup import share_by_subgroup
from studyscope_dashboards.cover import Covered, what_is_covered
from studyscope_dashboards.distributions import compared, compared_in_table, numbers_in_table
from studyscope_dashboards.fields import colour_overrides, columns, setting, site_link_column
from studyscope_dashboards.forecast import pace_and_need, past_and_coming, target_reached, targets_by_site
from studyscope_dashboards.many_sites import BARS, FEW, largest, least, many
from studyscope_dashboards.milestones import milestones
from studyscope_dashboards.page import page, sites_variable, study_variable
from studyscope_dashboards.palette import BLUE, GREY, ORANGE, PETROL
from studyscope_dashboards.panels import bars, grid, lines, now, over_days, rows, steps
from studyscope_dashboards.pool import pool

COVERED = (
    Covered("Where patients are now", progress.STAGE),
    Covered("Stages that patients reached", progress.REACHED),
    Covered("On the list of expected patients", progress.ROSTER_STATE),
)
PATIENTS = progress.PATIENTS
DESCRIPTION = "How far the study is and how fast it goes: stages, pace and plan, site by site."


def dashboard() -> build.Dashboard:
    return (
        page("study_progress", "Study progress", DESCRIPTION, [study_variable(), sites_variable()])
        .with_panel(target_reached(8).span(14).height(4))
        .with_panel(pace_and_need(9).span(10).height(4))
        .with_panel(past_and_coming(10).span(12).height(10))
        .with_panel(total_over_time(1).span(12).height(10))
        .with_panel(compared(2, "Where patients are now, sites compared", progress.STAGE).span(14).height(10))
        .with_panel(share_of_target(3).span(10).height(10))
        .with_panel(compared_in_table(6, "Stages that patients reached", progress.REACHED).span(14).height(11))
        .with_panel(compared(7, "On the site's list of expected patients", progress.ROSTER_STATE).span(10).height(11))
        .with_panel(numbers_in_table(14, "Patients who reached each stage", progress.REACHED).span(14).height(11))
        .with_panel(pool(15, "Where the sites' numbers lie", own=False).span(10).height(11))
        .with_panel(targets_by_site(11).span(24).height(10))
        .with_panel(milestones(12).span(24).height(7))
        .with_panel(behind_plan(4).span(14).height(10))
        .with_panel(pace(5).span(10).height(10))
        .with_panel(what_is_covered(13, COVERED).span(24))
        .with_row(subgroups_row())
    )


def subgroups_row() -> build.Row:
    """Closed, because most hospitals declare no such table."""
    row = build.Row("Progress by subgroup, where hospitals declare it").id(40).collapsed(True)
    for position, crossing in enumerate((subgroups.STAGE_BY_SEX, subgroups.STAGE_BY_AGE_BAND, subgroups.STAGE_BY_SUBGROUP)):
        title = f"Reviewed, by {crossing.dimensions[-1].label.replace('_', ' ')}"
        row = row.with_panel(share_by_subgroup(20 + position, title, crossing, ("reviewed",)).span(12).height(10))
    return row


def total_over_time(panel_id: int) -> timeseries.Panel:
    """Least, shown and most: rounding is a band, not a footnote."""
    panel = lines(
        panel_id,
        "Patients of the chosen sites, with the band that rounding leaves",
        "Sum of the sites' daily history, last known; the true number of the sites that show one lies in the band. "
        "Sites under their threshold are not in it.",
    )
    shown = f"sum({q.last_known(PATIENTS.metric)})"
    known = q.last_known(PATIENTS.metric)
    half = f"{q.PER_SITE} group_left () floor({q.last(centre.SITE_BASE.name, at_end=True)} / 2)"
    rest = f"{q.PER_SITE} group_left () ceil({q.last(centre.SITE_BASE.name, at_end=True)} / 2 - 1)"
    panel = panel.with_target(over_days(f"sum({known} - {half})", "at least", "A")).with_target(over_days(shown, "shown", "B"))
    panel = panel.with_target(over_days(f"sum({known} + {rest})", "at most", "C"))
    for name, properties in colour_overrides({"at least": PETROL, "shown": BLUE, "at most": PETROL}):
        panel = panel.override_by_name(name, properties)
    band = [setting("custom.fillBelowTo", "at least"), setting("custom.fillOpacity", 25), setting("custom.lineWidth", 1)]
    return panel.override_by_name("at most", band)


def share_of_target(panel_id: int) -> bargauge.Panel:
    panel = bars(
        panel_id,
        "Share of the target, at least",
        "Least number of patients of each site, in per cent of its target. "
        f"With more than {FEW} sites the {BARS} furthest from theirs, and the least of all others.",
        "percent",
    )
    share = f"max by (site) ({q.share_of_target(q.least(PATIENTS))})"
    rest = f"min({share} unless on (site) {least(share, BARS)}) and on () {many()}"
    panel = panel.with_target(now(f"sort_desc({least(share, BARS)})", "{{site}}"))
    return panel.with_target(now(rest, "all others, at least", "B")).max(100).decimals(0)


def behind_plan(panel_id: int) -> table.Panel:
    """Behind only where even the most that can stand behind a site's number is under its plan (design.md 7)."""
    panel = grid(
        panel_id,
        "Behind plan",
        "Sites under plan even if rounding hid the most it can and the largest batch still waits. "
        "A site that shows no number is never listed.",
    ).no_value("No site is certainly behind its plan.")
    planned = q.of_sites(centre.SITE_TARGET_BY_NOW.name)
    most = f"({q.most(PATIENTS)} + {q.PER_SITE} 2 * {q.of_sites(centre.SITE_BATCH.name)})"
    behind = f"({planned} - {q.PER_SITE} {most}) > 0"
    only = f"and {q.PER_SITE} ({behind})"
    shown = (
        ("site", "Site"),
        ("Value #A", "Patients at most"),
        ("Value #B", "Planned by now"),
        ("Value #C", "Behind by at least"),
    )
    return (
        panel.with_target(rows(f"max by (site) ({most} {only})", "A"))
        .with_target(rows(f"max by (site) ({planned} {only})", "B"))
        .with_target(rows(f"max by (site) ({behind})", "C"))
        .transformations(columns(*shown))
        .override_by_name(*site_link_column("Site"))
        .override_by_name("Behind by at least", [setting("color", {"mode": "fixed", "fixedColor": ORANGE})])
        .sort_by([common.TableSortByFieldState().display_name("Behind by at least").desc(True)])
    )


def pace(panel_id: int) -> bargauge.Panel:
    panel = bars(
        panel_id,
        "Patients more than 30 days ago",
        "Shown now less shown 30 days ago, last known. Small changes are held back at the site, so it comes in steps. "
        f"With more than {FEW} sites the {BARS} fastest, and of how many others nothing moved.",
    ).thresholds(steps(GREY, (1, BLUE)))
    known = q.last_known(PATIENTS.metric)
    before = q.last_known(PATIENTS.metric, ago="30d")
    moved = f"max by (site) ({known}) - max by (site) ({before})"
    standing = f"count(({moved}) == 0) and on () {many()}"
    panel = panel.with_target(now(f"sort_desc({largest(f'({moved})', BARS)})", "{{site}}"))
    return panel.with_target(now(standing, "sites that did not move", "B"))
