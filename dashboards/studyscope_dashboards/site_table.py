"""The tables that have a row for every registered site, whatever it shows."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, table

from studyscope_contract.catalogue import centre, progress
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import code_words, columns, setting, site_link_column, state_column
from studyscope_dashboards.palette import BLUE
from studyscope_dashboards.panels import grid, rows

OFFER_WORDS = {"refused": "not offered (refused)", "not_approved": "waits for the site's approval", "no_source": "no source"}


def every_site(panel_id: int) -> table.Panel:
    """State, last report, patients and target of each site, furthest from its target first."""
    info = f"max by (site, name) ({q.of_sites(centre.SITE_INFO.name)})"
    age = f"max by (site) ({q.of_sites(centre.SITE_REPORT_AGE.name)} unless {q.PER_SITE} {q.in_state('never_reported')})"
    target = f"max by (site) ({q.of_sites(centre.SITE_TARGET.name)})"
    reached = f"max by (site) ({q.share_of_target(q.least(progress.PATIENTS))})"
    panel = grid(
        panel_id,
        "Every registered site",
        "One row for each site of the registry. Patients are rounded, so the share of the target is a range. "
        "A site that shows no number says why: under its own threshold, not offered, taken back, or never reported.",
    )
    for query in (
        rows(info, "A"),
        rows(f"max by (site, state) ({q.in_state(*centre.SITE_STATES)})", "B"),
        rows(age, "C"),
        rows(q.shown_or_why(progress.PATIENTS, "patients"), "D"),
        rows(target, "E"),
        rows(q.target_range(progress.PATIENTS, "range"), "F"),
        rows(reached, "G"),
    ):
        panel = panel.with_target(query)
    shown = (
        ("site", "Site"),
        ("name", "Hospital"),
        ("state", "State"),
        ("Value #C", "Last report before"),
        ("patients", "Patients"),
        ("Value #E", "Target"),
        ("Value #G", "Reached, at least"),
        ("range", "Reached, range"),
    )
    panel = panel.transformations(columns(*shown, hidden=("Value #A", "Value #B", "Value #D", "Value #F")))
    return _styled(panel).sort_by([common.TableSortByFieldState().display_name("Site")]).height(11)


def _styled(panel: table.Panel) -> table.Panel:
    bar = [
        setting("custom.cellOptions", {"type": "gauge", "mode": "basic", "valueDisplayMode": "hidden"}),
        setting("min", 0),
        setting("max", 100),
        setting("unit", "percent"),
        setting("color", {"mode": "fixed", "fixedColor": BLUE}),
        setting("noValue", ""),
        setting("custom.width", 140),
    ]
    return (
        panel.override_by_name(*site_link_column("Site"))
        .override_by_name(*state_column("State"))
        .override_by_name(
            "Last report before",
            [setting("custom.width", 140), setting("unit", "s"), setting("decimals", 1), setting("noValue", "never")],
        )
        .override_by_name(
            "Patients",
            [setting("mappings", code_words(OFFER_WORDS)), setting("custom.align", "right")],
        )
        .override_by_name("Target", [setting("custom.width", 110), setting("noValue", "none agreed")])
        .override_by_name("Reached, at least", bar)
        .override_by_name(
            "Reached, range", [setting("custom.width", 130), setting("noValue", "not shown"), setting("custom.align", "right")]
        )
    )
