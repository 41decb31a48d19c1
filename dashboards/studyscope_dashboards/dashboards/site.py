"""One hospital: for its IT, and for telephone calls with it."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as models

from studyscope_contract.catalogue import centre, imaging, progress, segmentation
from studyscope_dashboards import queries as q
from studyscope_dashboards.distributions import history_by_code, shown_of_site
from studyscope_dashboards.fields import code_words, colour_overrides, columns, setting
from studyscope_dashboards.out_of_the_ordinary import out_of_the_ordinary
from studyscope_dashboards.page import page, site_variable, study_variable
from studyscope_dashboards.palette import BLUE, GREEN, GREY, ORANGE, STATE_COLOURS, STATE_WORDS
from studyscope_dashboards.panels import grid, lines, now, number, over_days, rows, steps, words
from studyscope_dashboards.pool import pool
from studyscope_dashboards.refusals import reason_column
from studyscope_dashboards.reports_over_time import reports_over_time
from studyscope_dashboards.site_table import OFFER_WORDS

DESCRIPTION = "One hospital: whether it reports, what it shows, and what its installation says of itself."


def dashboard() -> build.Dashboard:
    return (
        page("site", "Site", DESCRIPTION, [study_variable(), site_variable()])
        .with_panel(hospital(1).span(8))
        .with_panel(state(2).span(4))
        .with_panel(last_report(3).span(4))
        .with_panel(missed(4).span(4))
        .with_panel(patients(5).span(4))
        .with_panel(target(6).span(4))
        .with_panel(policy(7).span(6))
        .with_panel(release(8).span(3))
        .with_panel(study_version(9).span(4))
        .with_panel(key_months(10).span(3))
        .with_panel(storage(11).span(4))
        .with_panel(reports_over_time(12).span(24).height(4))
        .with_panel(progress_over_time(13).span(12))
        .with_panel(history_by_code(14, "Reached stages over time", progress.REACHED).span(12))
        .with_panel(tables(15).span(12).height(12))
        .with_panel(sources(16).span(6).height(12))
        .with_panel(refused(17).span(6).height(12))
        .with_panel(pool(24, "This site among the others", own=True).span(12).height(9))
        .with_panel(out_of_the_ordinary(25).span(12).height(9))
        .with_row(build.Row("What the site shows").id(30))
        .with_panel(shown_of_site(18, "Modality", imaging.MODALITY).span(8))
        .with_panel(shown_of_site(19, "Body region", imaging.BODY_PART).span(8))
        .with_panel(shown_of_site(20, "Vendor", imaging.VENDOR).span(8))
        .with_panel(shown_of_site(21, "Sex", imaging.SEX).span(8))
        .with_panel(shown_of_site(22, "Age", imaging.AGE_BAND).span(8))
        .with_panel(shown_of_site(23, "Review of segmentations", segmentation.REVIEW_STATE).span(8))
    )


def hospital(panel_id: int) -> stat.Panel:
    info = f"max by (name, city) ({q.of_sites(centre.SITE_INFO.name)})"
    return words(panel_id, "Hospital", "Name and city from the study file.").with_target(now(info, "{{name}}, {{city}}"))


def state(panel_id: int) -> stat.Panel:
    panel = words(
        panel_id, "State", "Measured in the site's own reporting days; paused, frozen and left come from a person's act."
    )
    for ref, code in zip("ABCDEFGHI", centre.SITE_STATES, strict=True):
        panel = panel.with_target(now(f"max by (site) ({q.in_state(code)})", STATE_WORDS[code], ref))
        panel = panel.override_by_query(ref, [setting("color", {"mode": "fixed", "fixedColor": STATE_COLOURS[code]})])
    return panel


def last_report(panel_id: int) -> stat.Panel:
    age = f"{q.of_sites(centre.SITE_REPORT_AGE.name)} unless {q.PER_SITE} {q.in_state('never_reported')}"
    panel = number(panel_id, "Last report before", "Time since the grid point of the newest accepted report.", "s")
    return panel.decimals(1).no_value("It has never reported.").with_target(now(f"max({age})"))


def missed(panel_id: int) -> stat.Panel:
    panel = number(panel_id, "Missed reports", "Reporting days that passed without a report since the newest one.", colour=GREEN)
    return panel.thresholds(steps(GREEN, (2, ORANGE))).with_target(now(f"max({q.of_sites(centre.SITE_MISSED_GRID_POINTS.name)})"))


def patients(panel_id: int) -> stat.Panel:
    panel = words(panel_id, "Patients", "What the site shows, rounded by its policy; or why it shows nothing.")
    return panel.with_target(now(q.shown_or_why(progress.PATIENTS, "patients"), "{{patients}}"))


def target(panel_id: int) -> stat.Panel:
    panel = words(panel_id, "Target reached", "A range, because counts are rounded.")
    return panel.with_target(now(q.or_words(q.target_range(progress.PATIENTS, "range"), "range", "not shown"), "{{range}}"))


def policy(panel_id: int) -> stat.Panel:
    named = q.or_words(f"max by (site, policy) ({q.of_sites(centre.SITE_POLICY.name)})", "policy", "not stated yet")
    threshold = q.as_text("shown", q.of_sites(centre.SITE_THRESHOLD.name), "site", "nothing under $1")
    base = q.as_text("shown", q.of_sites(centre.SITE_BASE.name), "site", "multiples of $1")
    panel = words(panel_id, "Disclosure policy", "The policy that the hospital itself set: its preset, and how counts are shown.")
    panel = panel.text(common.VizTextDisplayOptions().title_size(16).value_size(16))
    panel = panel.with_target(now(named, "{{policy}}", "A")).with_target(now(threshold, "{{shown}}", "B"))
    return panel.with_target(now(base, "{{shown}}", "C"))


def release(panel_id: int) -> stat.Panel:
    info = q.or_words(f"max by (site, release) ({q.of_sites(centre.SITE_EXPORTER.name)})", "release", "not stated yet")
    return words(panel_id, "Release", "Release of the exporter that the newest report names.").with_target(
        now(info, "{{release}}")
    )


def study_version(panel_id: int) -> stat.Panel:
    panel = number(panel_id, "Study version", "Version of the study file that the site has accepted.").no_value("not stated")
    panel = panel.thresholds(steps("text", (0, BLUE)))
    return panel.with_target(now(f"max({q.of_sites(centre.SITE_STUDY_VERSION.name)})"))


def key_months(panel_id: int) -> stat.Panel:
    panel = number(
        panel_id,
        "Key valid",
        "Whole months for which the key that the centre accepted last for the site is still valid.",
        "suffix: months",
    )
    panel = panel.thresholds(steps("text", (-1000, ORANGE), (3, GREEN))).no_value("not stated")
    return panel.with_target(now(f"max({q.key_months()})"))


def storage(panel_id: int) -> stat.Panel:
    panel = number(panel_id, "Exporter's storage", "Whether the exporter's own state volume is low on space.").no_value(
        "not stated"
    )
    panel = panel.thresholds(steps("text", (0, GREEN), (1, ORANGE))).mappings(_flag("enough space", "low on space"))
    return panel.with_target(now(f"max({q.of_sites(centre.SITE_STORAGE_LOW.name)})"))


def progress_over_time(panel_id: int) -> timeseries.Panel:
    panel = lines(
        panel_id,
        "Patients shown, and planned",
        "Daily history at its true time; last known while the site is silent. The plan is the straight line between targets.",
    )
    shown = f"max by (site) ({q.last_known(progress.PATIENTS.metric)})"
    planned = f"max by (site) ({q.last_known(centre.SITE_TARGET_BY_NOW.name)})"
    panel = panel.with_target(over_days(shown, "shown", "A")).with_target(over_days(planned, "planned by then", "B"))
    for name, properties in colour_overrides({"shown": BLUE, "planned by then": GREY}):
        panel = panel.override_by_name(name, properties)
    return panel


def tables(panel_id: int) -> table.Panel:
    panel = grid(
        panel_id,
        "Tables",
        "What the site says of each table, when it last moved and how often; of its structures or workflows the newest.",
    )
    offer = f"max by (table, offer) ({q.of_sites(centre.SITE_TABLE.name)} == 1)"
    released = _by_table(centre.TABLE_RELEASED.name) + " * 1000"
    version = _by_table(centre.TABLE_VERSION.name)
    shown = (("table", "Table"), ("offer", "Offered"), ("Value #B", "Last moved"), ("Value #C", "Times since first shown"))
    not_yet = [setting("noValue", "not shown yet")]
    return (
        panel.with_target(rows(offer, "A"))
        .with_target(rows(released, "B"))
        .with_target(rows(version, "C"))
        .transformations(columns(*shown, hidden=("Value #A",)))
        .no_value("not shown yet")
        .override_by_name("Offered", [setting("mappings", code_words({"offered": "offered", **OFFER_WORDS}))])
        .override_by_name("Last moved", [setting("unit", "time:YYYY-MM-DD"), *not_yet])
    )


def sources(panel_id: int) -> table.Panel:
    panel = grid(panel_id, "Sources", "Whether each kind of source can be read at the site.").no_value(
        "The site states no source."
    )
    up = f"max by (kind) ({q.of_sites(centre.SITE_SOURCE_UP.name)})"
    readable = setting("mappings", _flag("cannot be read", "can be read", (ORANGE, GREEN)))
    return (
        panel.with_target(rows(up))
        .transformations(columns(("kind", "Source"), ("Value", "Now")))
        .override_by_name("Now", [readable, setting("custom.cellOptions", {"type": "color-text"})])
    )


def refused(panel_id: int) -> table.Panel:
    panel = grid(panel_id, "Refused reports", "Reports of this site that the centre refused since its registration, by reason.")
    counts = f"max by (reason) ({q.of_sites(centre.SITE_REFUSED_REPORTS.name)}) > 0"
    return (
        panel.with_target(rows(counts))
        .transformations(columns(("reason", "Reason"), ("Value", "Reports")))
        .no_value("No report was refused.")
        .override_by_name(*reason_column())
        .override_by_name("Reports", [setting("custom.width", 75)])
    )


def _by_table(name: str) -> str:
    """A table that exists once per structure or workflow counts as one: `structure_volume:liver` is `structure_volume`."""
    whole = f'max by (whole) (label_replace({q.of_sites(name)}, "whole", "$1", "table", "([^:]+).*"))'
    return f'max by (table) (label_replace({whole}, "table", "$1", "whole", "(.*)"))'


def _flag(off: str, on: str, colour: tuple[str, str] = (GREEN, ORANGE)) -> list[models.ValueMapping]:
    return code_words({"0": off, "1": on}, {"0": colour[0], "1": colour[1]})
