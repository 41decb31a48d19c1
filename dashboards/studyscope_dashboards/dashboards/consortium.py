"""The consortium at a glance: where every site stands, how far the study is, what needs attention."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, common, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as choices

from studyscope_contract.catalogue import centre, progress
from studyscope_dashboards import queries as q
from studyscope_dashboards.bounds import IN_WORDS, with_bounds
from studyscope_dashboards.distributions import with_coverage
from studyscope_dashboards.fields import columns, setting, site_link_column, state_column
from studyscope_dashboards.forecast import pace_and_need, target_reached
from studyscope_dashboards.many_sites import LINES, LINES_OF, largest, many
from studyscope_dashboards.page import page, sites_variable, study_variable
from studyscope_dashboards.palette import GREEN, colours
from studyscope_dashboards.panels import at, bars, grid, lines, now, number, over_days, rows
from studyscope_dashboards.site_colours import site_styles
from studyscope_dashboards.site_map import site_map, sites_in_each_state
from studyscope_dashboards.site_table import every_site

NEEDS_ATTENTION = ("late", "silent", "never_reported", "retracted", "frozen")


def dashboard() -> build.Dashboard:
    return (
        page(
            "consortium", "Consortium", "Where every site stands and how far the study is.", [study_variable(), sites_variable()]
        )
        .with_panel(site_map(1).grid_pos(at(0, 0, 10, 14)))
        .with_panel(sites_in_each_state(13).grid_pos(at(0, 14, 10, 6)))
        .with_panel(patients(2).grid_pos(at(10, 0, 4, 4)))
        .with_panel(patients_bounds(3).grid_pos(at(14, 0, 6, 4)))
        .with_panel(coverage(4).grid_pos(at(20, 0, 4, 4)))
        .with_panel(target_reached(11).grid_pos(at(10, 4, 9, 4)))
        .with_panel(pace_and_need(12).grid_pos(at(19, 4, 5, 4)))
        .with_panel(attention(5).grid_pos(at(10, 8, 14, 6)))
        .with_panel(stages(6).grid_pos(at(10, 14, 14, 6)))
        .with_panel(every_site(7).grid_pos(at(0, 20, 24, 11)))
        .with_panel(patients_over_time(10).grid_pos(at(0, 31, 24, 9)))
        .with_panel(studies(8).grid_pos(at(0, 40, 8, 9)))
        .with_panel(moved(9).grid_pos(at(8, 40, 16, 9)))
    )


def patients(panel_id: int) -> stat.Panel:
    return number(
        panel_id,
        "Patients shown",
        "Sum of what the sites show, last known: a silent site keeps its last number. Sites under their threshold are not in it.",
    ).with_target(now(q.total(progress.PATIENTS), "patients"))


def patients_bounds(panel_id: int) -> stat.Panel:
    panel = number(
        panel_id,
        "Patients, at least and at most",
        "Between these lies the true number at the sites' last releases: rounding and hidden small sites are counted in. "
        "How many there are at most nobody knows while a site has never published.",
    )
    return with_bounds(panel, progress.PATIENTS, IN_WORDS).text_mode(choices.BigValueTextMode.VALUE_AND_NAME)


def coverage(panel_id: int) -> stat.Panel:
    panel = number(panel_id, "Sites in the total", "Sites whose numbers the total holds, and sites expected today.", colour=GREEN)
    held = now(q.total(progress.PATIENTS, "sites"), "in it", "A")
    expected = now(q.of_study(centre.SITES_EXPECTED.name), "expected", "B")
    return panel.with_target(held).with_target(expected)


def attention(panel_id: int) -> table.Panel:
    """Empty is good news, and says so."""
    panel = grid(
        panel_id,
        "Needs attention",
        "Sites that are late, silent, frozen, have never reported or had all reports taken back, for how long, and how many "
        "reports were missed and refused; a click on the site says why.",
    )
    info = f"max by (site, name) ({q.of_sites(centre.SITE_INFO.name)})"
    state = f"max by (site, state) ({q.in_state(*NEEDS_ATTENTION)})"
    only = f"and on (site) ({q.in_state(*NEEDS_ATTENTION)})"
    panel = (
        panel.with_target(rows(f"{info} {only}", "A"))
        .with_target(rows(state, "B"))
        .with_target(rows(f"max by (site) ({q.of_sites(centre.SITE_REPORT_AGE.name)}) {only}", "C"))
        .with_target(rows(f"max by (site) ({q.of_sites(centre.SITE_MISSED_GRID_POINTS.name)}) {only}", "D"))
        .with_target(rows(f"sum by (site) ({q.of_sites(centre.SITE_REFUSED_REPORTS.name)} > 0) {only}", "E"))
        .no_value("Every site reports in time.")
    )
    shown = (
        ("site", "Site"),
        ("name", "Hospital"),
        ("state", "State"),
        ("Value #C", "Nothing for"),
        ("Value #D", "Missed"),
        ("Value #E", "Refused"),
    )
    return (
        panel.transformations(columns(*shown, hidden=("Value #A", "Value #B")))
        .override_by_name(*site_link_column("Site"))
        .override_by_name(*state_column("State"))
        .override_by_name("Missed", [setting("custom.width", 75)])
        .override_by_name("Refused", [setting("custom.width", 75), setting("noValue", "none")])
        .override_by_name("Nothing for", [setting("custom.width", 130), setting("unit", "s"), setting("decimals", 1)])
        .sort_by([common.TableSortByFieldState().display_name("Nothing for").desc(True)])
    )


def stages(panel_id: int, *, public: bool = False) -> bargauge.Panel:
    panel = bars(
        panel_id,
        "Patients who reached each stage",
        "Last known totals of all sites, in the order of the protocol; a patient counts in every stage they have reached.",
    )
    for position, stage in enumerate(progress.REACHED.dimensions[0].codes):
        expr = q.total(progress.REACHED, "", "last_known", f'stage="{stage}"')
        panel = panel.with_target(now(expr, stage, "ABCDEFGH"[position]))
    for position, colour in enumerate(colours(progress.REACHED.dimensions[0].codes).values()):
        panel = panel.override_by_query("ABCDEFGH"[position], [setting("color", {"mode": "fixed", "fixedColor": colour})])
    return with_coverage(panel, progress.REACHED, public=public)


def studies(panel_id: int) -> bargauge.Panel:
    """All studies of the centre, whatever is chosen: this is where one is chosen."""
    shown = f'sum by (study) ({centre.total_series(progress.PATIENTS)[1].name}{{total="last_known"}})'
    target = f"sum by (study) ({centre.SITE_TARGET.name})"
    return (
        bars(
            panel_id,
            "Progress of each study",
            "Least number of patients that the sites together have, as a share of the sum of their targets.",
            "percent",
        )
        .max(100)
        .decimals(0)
        .name_placement(choices.BarGaugeNamePlacement.TOP)
        .with_target(now(_of_sites(f"100 * {shown} / {target}"), "{{study}} · {{sites}} of {{expected}} sites"))
    )


def _of_sites(share: str) -> str:
    """With the coverage of each study's number as labels."""
    held = f'sum by (study) ({centre.total_series(progress.PATIENTS)[3].name}{{total="last_known"}})'
    for label, count in (("sites", held), ("expected", f"sum by (study) ({centre.SITES_EXPECTED.name})")):
        share = f'{share} * on (study) group_left ({label}) count_values by (study) ("{label}", {count})'
    return share


def moved(panel_id: int) -> table.Panel:
    """What is new, so that nobody has to compare two screenshots."""
    panel = grid(
        panel_id,
        "What changed in the last seven days",
        "Tables that moved in the seven days before each site's last report. "
        "A table moves only when enough patients changed in it, so a quiet table is not a quiet hospital.",
    )
    lately = q.moved_lately()
    shown = (("site", "Site"), ("table", "Table"), ("Value #A", "Moved on"), ("Value #B", "Times since first shown"))
    return (
        panel.with_target(rows(f"max by (site, table) ({lately}) * 1000", "A"))
        .with_target(
            rows(f"max by (site, table) ({q.of_sites(centre.TABLE_VERSION.name)} and on (study, site, table) ({lately}))", "B")
        )
        .transformations(columns(*shown))
        .no_value("Nothing moved in these seven days.")
        .override_by_name(*site_link_column("Site"))
        .override_by_name("Moved on", [setting("unit", "time:YYYY-MM-DD")])
        .sort_by([common.TableSortByFieldState().display_name("Moved on").desc(True)])
    )


def patients_over_time(panel_id: int) -> timeseries.Panel:
    """Cumulative, so last known: an outage is no withdrawal."""
    panel = lines(
        panel_id,
        "Patients shown over time",
        "Daily history at its true time, per site. A silent site's line goes on at its last number; "
        f"it moves in steps because small changes are held back. {LINES_OF}",
    )
    known = f"max by (site) ({q.last_known(progress.PATIENTS.metric)})"
    now_shown = f"max by (site) ({q.last(progress.PATIENTS.metric, at_end=True)})"
    half = f"quantile(0.5, {known}) and on () {many(over_time=True)}"
    for pattern, properties in site_styles():
        panel = panel.override_by_regexp(pattern, properties)
    panel = panel.with_target(over_days(f"{known} and on (site) {largest(now_shown, LINES, over_time=True)}", "{{site}}"))
    panel = panel.override_by_query(
        "B", [setting("color", {"mode": "fixed", "fixedColor": "text"}), setting("custom.lineWidth", 4)]
    )
    return panel.with_target(over_days(half, "half of all sites up to", "B"))
