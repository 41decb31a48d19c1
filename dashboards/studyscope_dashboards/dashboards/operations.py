"""The centre itself and the fleet of exporters: open alerts, aggregator, releases, keys, sources."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as models

from studyscope_contract.catalogue import centre
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import code_words, columns, setting, site_link_column
from studyscope_dashboards.out_of_the_ordinary import out_of_the_ordinary
from studyscope_dashboards.page import page, sites_variable, study_variable
from studyscope_dashboards.palette import GREEN, ORANGE, RUST
from studyscope_dashboards.panels import grid, lines, now, number, over_time, rows, steps
from studyscope_dashboards.prometheus import PUBLISHED_JOB
from studyscope_dashboards.refusals import reason_column
from studyscope_dashboards.reports_over_time import reports_over_time

DESCRIPTION = "The centre itself and the exporters at the sites, for whoever runs them."
TARGET = f'job="{PUBLISHED_JOB}"'


def dashboard() -> build.Dashboard:
    return (
        page("operations", "Operations", DESCRIPTION, [study_variable(), sites_variable()])
        .with_panel(aggregator(1).span(5))
        .with_panel(series(2).span(5))
        .with_panel(open_alerts_count(3).span(4))
        .with_panel(scrape_time(4).span(10).height(4))
        .with_panel(open_alerts(5).span(16).height(8))
        .with_panel(alerts_by_kind(11).span(8).height(8))
        .with_panel(reports_over_time(6, paged=True).span(24).height(10))
        .with_panel(fleet(7).span(15).height(11))
        .with_panel(refused(8).span(9).height(11))
        .with_panel(out_of_the_ordinary(9).span(16).height(7))
        .with_panel(requests(10).span(8).height(7))
    )


def aggregator(panel_id: int) -> stat.Panel:
    panel = number(panel_id, "Aggregator", "Whether Prometheus can read what the hospitals publish.").no_value("never read")
    answers = code_words({"1": "answers", "0": "does not answer"}, {"1": GREEN, "0": RUST})
    return panel.mappings(answers).with_target(now(f"min(up{{{TARGET}}})"))


def series(panel_id: int) -> stat.Panel:
    panel = number(panel_id, "Published series", "Samples in the last scrape of everything that the hospitals publish.", "short")
    return panel.no_value("never read").with_target(now(f"max(scrape_samples_scraped{{{TARGET}}})"))


def open_alerts_count(panel_id: int) -> stat.Panel:
    panel = number(panel_id, "Alerts that fire", "Alerts that fire now, of this study and of the centre.").no_value("none")
    return panel.thresholds(steps(GREEN, (1, ORANGE))).with_target(now(f"count({_alerts()})"))


def scrape_time(panel_id: int) -> timeseries.Panel:
    panel = lines(panel_id, "Time to read the aggregator", "How long Prometheus waits for everything that is published.", "s")
    panel = panel.no_value("Not measured for long enough to draw a line.")
    return panel.with_target(over_time(f"max(scrape_duration_seconds{{{TARGET}}})", "seconds"))


def open_alerts(panel_id: int) -> table.Panel:
    panel = grid(panel_id, "Open alerts", "What fires now; its page in docs/runbooks.md has the alert's name.").no_value(
        "Nothing fires."
    )
    shown = (("alertname", "Alert"), ("site", "Site"), ("severity", "Severity"), ("audience", "Who is told"))
    return (
        panel.with_target(rows(f"max by (alertname, site, severity, audience) ({_alerts()})"))
        .transformations(columns(*shown, hidden=("Value",)))
        .override_by_name(*site_link_column("Site"))
    )


def alerts_by_kind(panel_id: int) -> table.Panel:
    """Where a hundred alerts fire, what they are comes before where."""
    panel = grid(panel_id, "Open alerts by kind", "How many alerts of each kind fire, and at how many sites.").no_value(
        "Nothing fires."
    )
    fired = _alerts()
    sites = f"count by (alertname) (count by (alertname, site) ({fired}))"
    panel = panel.with_target(rows(f"count by (alertname) ({fired})", "A")).with_target(rows(sites, "B"))
    panel = panel.transformations(columns(("alertname", "Alert"), ("Value #A", "Open"), ("Value #B", "Sites")))
    for heading in ("Open", "Sites"):
        panel = panel.override_by_name(heading, [setting("custom.width", 75)])
    return panel.sort_by([common.TableSortByFieldState().display_name("Open").desc(True)])


def fleet(panel_id: int) -> table.Panel:
    """What each installation says of itself."""
    panel = grid(
        panel_id, "Exporters", "What each site's installation says of itself in its newest report; all of it is optional."
    )
    name = f"max by (site, name) ({q.of_sites(centre.SITE_INFO.name)})"
    release = f"max by (site, release) ({q.of_sites(centre.SITE_EXPORTER.name)})"
    version = f"max by (site) ({q.of_sites(centre.SITE_STUDY_VERSION.name)})"
    months = f"max by (site) ({q.key_months()})"
    down = f"sum by (site) (1 - {q.of_sites(centre.SITE_SOURCE_UP.name)})"
    low = f"max by (site) ({q.of_sites(centre.SITE_STORAGE_LOW.name)})"
    shown = (
        ("site", "Site"),
        ("release", "Release"),
        ("Value #C", "Study version"),
        ("Value #D", "Key valid for"),
        ("Value #E", "Sources down"),
        ("Value #F", "Storage"),
    )
    coloured = setting("custom.cellOptions", {"type": "color-text"})
    enough = setting("mappings", code_words({"0": "enough", "1": "low"}, {"0": GREEN, "1": ORANGE}))
    for ref, expr in zip("ABCDEF", (name, release, version, months, down, low), strict=True):
        panel = panel.with_target(rows(expr, ref))
    return (
        panel.transformations(columns(*shown, hidden=("Value #A", "name", "Value #B")))
        .no_value("not stated")
        .override_by_name(*site_link_column("Site"))
        .override_by_name("Key valid for", [setting("unit", "suffix: months"), coloured, _judged((_EXPIRED, ORANGE), (3, GREEN))])
        .override_by_name("Sources down", [coloured, _judged((0, GREEN), (1, ORANGE))])
        .override_by_name("Storage", [coloured, enough, _judged()])
        .sort_by([common.TableSortByFieldState().display_name("Site")])
    )


def requests(panel_id: int) -> stat.Panel:
    panel = number(
        panel_id,
        "Keys that wait to be accepted",
        "Hospitals that ask the centre to accept their key; `studyscope-aggregator sites requests` names them.",
    ).no_value("None waits.")
    panel = panel.thresholds(steps(GREEN, (1, ORANGE)))
    return panel.with_target(now(f"max({q.of_study(centre.ENROLMENT_REQUESTS.name)})"))


def refused(panel_id: int) -> table.Panel:
    panel = grid(panel_id, "Refused reports", "Reports that the centre refused since each site's registration, by reason.")
    counts = f"max by (site, reason) ({q.of_sites(centre.SITE_REFUSED_REPORTS.name)}) > 0"
    return (
        panel.with_target(rows(counts))
        .transformations(columns(("site", "Site"), ("reason", "Reason"), ("Value", "Reports")))
        .no_value("No report was refused.")
        .override_by_name(*reason_column())
        .override_by_name("Reports", [setting("custom.width", 75)])
        .override_by_name(*site_link_column("Site"))
    )


def _alerts() -> str:
    return 'ALERTS{alertstate="firing",study=~"$study|"}'


_EXPIRED = -1000
"""Months: before any key."""


def _judged(*above: tuple[float, str]) -> models.DynamicConfigValue:
    """Colours from each value on; where nothing is stated, that of text."""
    return setting("thresholds", steps("text", *above).build())
