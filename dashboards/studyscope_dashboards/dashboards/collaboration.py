"""Which sites could contribute to a new question, from what they publish anyway."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, stat, table
from grafana_foundation_sdk.builders import dashboard as build

from studyscope_contract.catalogue import centre, imaging, progress
from studyscope_contract.metric import Table
from studyscope_dashboards import joint_bounds
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import columns, setting, site_link_column, state_column
from studyscope_dashboards.page import choice, choices, page, sites_variable, study_variable
from studyscope_dashboards.panels import grid, now, number, rows

DESCRIPTION = "Which sites could contribute to a question such as: MR of the liver, 40 to 60 years, segmented."


def dashboard() -> build.Dashboard:
    chosen = (
        choice("modality", "Modality", _codes(imaging.MODALITY)),
        choice("body_part", "Body region", _codes(imaging.BODY_PART)),
        choices("age_band", "Age", _codes(imaging.AGE_BAND)),
        choice("stage", "At least", _codes(progress.REACHED)),
    )
    return (
        page("collaboration", "Collaboration discovery", DESCRIPTION, [study_variable(), sites_variable(), *chosen])
        .with_panel(together(1).span(8).height(4))
        .with_panel(candidates(2).span(8).height(4))
        .with_panel(unknown(3).span(8).height(4))
        .with_panel(by_site(4).span(24).height(14))
    )


def together(panel_id: int) -> stat.Panel:
    panel = number(
        panel_id,
        "Patients for certain, all sites",
        "Sum of the sites' lower bounds: so many patients must meet all conditions at once. The true number can be far larger.",
    )
    return panel.with_target(now(f"sum({joint_bounds.at_least()})", "for certain"))


def candidates(panel_id: int) -> stat.Panel:
    panel = number(panel_id, "Sites for certain", "Sites with at least one patient for certain who meets all conditions.")
    panel = panel.no_value("No site has any for certain; look at the upper bounds.")
    return panel.with_target(now(f"count({joint_bounds.at_least()} > 0)", "sites"))


def unknown(panel_id: int) -> stat.Panel:
    panel = number(panel_id, "Sites of which nothing is known", "Registered sites that have no bound: they have never reported.")
    panel = panel.no_value("Every site has bounds.")
    registered = f"max by (study, site) ({q.of_sites(centre.SITE_INFO.name)})"
    return panel.with_target(now(f"count({registered} unless {q.PER_SITE} {joint_bounds.at_most()})", "sites"))


def by_site(panel_id: int) -> table.Panel:
    panel = grid(
        panel_id,
        "Whom to ask",
        "Between the bounds lies the number of patients who meet all conditions, as of each site's last releases. "
        "They follow from one-way tables alone, so they can be wide; only the hospital itself can say more. "
        "Shown of 4: for how many of the conditions the site shows a number.",
    )
    queries = (
        f"max by (site, name, city) ({q.of_sites(centre.SITE_INFO.name)})",
        f"max by (site, state) ({q.in_state(*centre.SITE_STATES)})",
        f"max by (site) ({joint_bounds.at_least()})",
        f"max by (site) ({joint_bounds.at_most()})",
        joint_bounds.conditions_shown(),
        joint_bounds.oldest_move(),
    )
    for ref, expr in zip("ABCDEF", queries, strict=True):
        panel = panel.with_target(rows(expr, ref))
    shown = (
        ("site", "Site"),
        ("name", "Hospital"),
        ("city", "City"),
        ("state", "State"),
        ("Value #C", "At least"),
        ("Value #D", "At most"),
        ("Value #E", "Shown of 4"),
        ("Value #F", "Oldest number of"),
    )
    return (
        panel.transformations(columns(*shown, hidden=("Value #A", "Value #B")))
        .no_value("unknown")
        .sort_by([common.TableSortByFieldState().display_name("At most").desc(True)])
        .override_by_name(*site_link_column("Site"))
        .override_by_name(*state_column("State"))
        .override_by_name("Hospital", [setting("custom.width", 200)])
        .override_by_name("Shown of 4", [setting("noValue", "none")])
        .override_by_name("Oldest number of", [setting("unit", "time:YYYY-MM-DD"), setting("noValue", "–")])
    )


def _codes(shown: Table) -> str:
    return f"label_values({q.of_study(shown.metric)}, {shown.dimensions[0].label})"
