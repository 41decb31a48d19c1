"""Panels of what is to be expected: patients on coming days, the date of the target, and pace against need."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, stat, table, trend
from grafana_foundation_sdk.models import common as choices
from grafana_foundation_sdk.models import dashboard as models

from studyscope_contract.catalogue import centre, forecast, progress
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import code_words, columns, setting, site_link_column
from studyscope_dashboards.histograms import matrix
from studyscope_dashboards.palette import BLUE, GREY, PETROL
from studyscope_dashboards.panels import curves, grid, now, number, rows

PAST_DAYS = (180, 150, 120, 90, 60, 30)
NO_FORECAST = "no forecast before the number moved twice"
DATE = "time:YYYY-MM-DD"
BEYOND = {"0": "more than five years"}
"""A forecast without that date: 0 is no day of any study."""
AXIS = "Days from now"
WORDS = {"lower": "at least", "middle": "expected", "upper": "at most"}
FURTHEST = PAST_DAYS[0]
"""As far ahead as back; further away the interval would leave no room for anything else."""
OF_FIVE = "Four times out of five it lies between"


def target_reached(panel_id: int) -> stat.Panel:
    """The two dates between which the study's target is reached."""
    panel = number(
        panel_id,
        "Target reached between",
        f"{OF_FIVE} these two days, at the pace of the sites that show a number; the third is the day that was agreed on.",
        DATE,
    )
    panel = panel.mappings(code_words(BEYOND)).no_value(NO_FORECAST).text_mode(choices.BigValueTextMode.VALUE_AND_NAME)
    panel = panel.text(common.VizTextDisplayOptions().title_size(14).value_size(20))
    made = f"0 * max by (study) ({_forecast(0)})"
    for ref, bound, name in (("A", "earliest", "between"), ("B", "latest", "and")):
        date = f"1000 * {q.of_study(forecast.TARGET.name, _bound(bound))}"
        panel = panel.with_target(now(f"{date} or on (study) {made}", name, ref))
    due = f"1000 * max by (study) ({q.of_study(centre.SITE_TARGET_DUE.name)})"
    return panel.with_target(now(due, "agreed on", "C"))


def pace_and_need(panel_id: int) -> stat.Panel:
    panel = number(
        panel_id,
        "Patients per 30 days",
        "What the sites that show a number bring in 30 days at their pace, and what each 30 days must bring "
        "from now on so that the target is reached on the day agreed on.",
    ).decimals(0)
    panel = panel.no_value(NO_FORECAST).text_mode(choices.BigValueTextMode.VALUE_AND_NAME)
    pace = f"sum by (study) ({_forecast(30)}) - sum by (study) ({_forecast(0)})"
    missing = f"sum by (study) ({q.of_study(centre.SITE_TARGET.name)}) - on (study) sum by (study) ({_forecast(0)})"
    left = f"max by (study) ({q.of_study(centre.SITE_TARGET_DUE.name)}) - time()"
    need = f"clamp_min(({missing}), 0) / on (study) (({left}) / 86400 / 30 > 0)"
    return panel.with_target(now(pace, "pace", "A")).with_target(now(need, "needed", "B"))


def past_and_coming(panel_id: int) -> trend.Panel:
    """One axis of days: what was shown, and the interval of what comes."""
    panel = curves(
        panel_id,
        "Patients shown so far and expected, by days from now",
        f"{OF_FIVE} the two thin lines; tried on real accrual curves. All sites that show a number, days from now; "
        "the grey line is the sum of the targets.",
    )
    panel = panel.no_value(NO_FORECAST).with_target(rows(f"{_coming()} or {_past()} or {_target()}"))
    panel = panel.transformations(matrix("days", "bound", AXIS))
    looks = (("shown", BLUE, 3), ("expected", BLUE, 2), ("at least", PETROL, 1), ("at most", PETROL, 1), ("target", GREY, 2))
    for name, colour, width in looks:
        style = [setting("color", {"mode": "fixed", "fixedColor": colour}), setting("custom.lineWidth", width)]
        panel = panel.override_by_name(name, [*style, *_extra(name)])
    return panel


def _extra(name: str) -> list[models.DynamicConfigValue]:
    if name == "at most":
        return [setting("custom.fillBelowTo", "at least"), setting("custom.fillOpacity", 25)]
    if name in ("expected", "target"):
        return [setting("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})]
    return []


def _coming() -> str:
    ahead = "|".join(str(days) for days in forecast.DAYS if days <= FURTHEST)
    chosen = f'days=~"{ahead}"'
    coming = f"max by (days, bound) ({q.of_study(forecast.PATIENTS.name, chosen)})"
    for bound, word in WORDS.items():
        coming = f'label_replace({coming}, "bound", "{word}", "bound", "{bound}")'
    return coming


def _past() -> str:
    """What the study's sites showed, every thirty days, last known; and today."""
    metric = progress.PATIENTS.metric
    shown = ((days, f"sum({q.last_known(metric, selected=q.STUDY, ago=f'{days}d')})") for days in PAST_DAYS)
    today = f"sum({_forecast(0)})"
    return " or ".join(_point(expr, -days, "shown") for days, expr in (*shown, (0, today)))


def _target() -> str:
    target = f"sum({q.of_study(centre.SITE_TARGET.name)})"
    return " or ".join(_point(target, days, "target") for days in (-FURTHEST, FURTHEST))


def _point(expr: str, days: int, bound: str) -> str:
    return f'label_replace(label_replace({expr}, "days", "{days}", "", ""), "bound", "{bound}", "", "")'


def targets_by_site(panel_id: int) -> table.Panel:
    """A row for every site, whatever can be said of it."""
    panel = grid(
        panel_id,
        "When each site reaches its target",
        f"{OF_FIVE} the two dates, at the site's own pace. A site whose number has not moved twice has no dates.",
    )
    panel = (
        panel.with_target(rows(f"max by (site, name) ({q.of_sites(centre.SITE_INFO.name)})", "A"))
        .with_target(rows(q.shown_or_why(progress.PATIENTS, "patients"), "B"))
        .with_target(rows(f"max by (site) ({q.of_sites(centre.SITE_TARGET.name)})", "C"))
        .with_target(rows(f"1000 * max by (site) ({q.of_sites(centre.SITE_TARGET_DUE.name)})", "D"))
    )
    made = f"0 * max by (site) ({q.of_sites(forecast.SITE_TARGET.name)})"
    for ref, bound in (("E", "earliest"), ("F", "latest")):
        dates = f"1000 * max by (site) ({q.of_sites(forecast.SITE_TARGET.name, _bound(bound))})"
        panel = panel.with_target(rows(f"{dates} or {made}", ref))
    shown = (
        ("site", "Site"),
        ("name", "Hospital"),
        ("patients", "Patients"),
        ("Value #C", "Target"),
        ("Value #D", "Agreed on"),
        ("Value #E", "Reached between"),
        ("Value #F", "and"),
    )
    panel = panel.transformations(columns(*shown, hidden=("Value #A", "Value #B")))
    panel = panel.override_by_name(*site_link_column("Site")).sort_by([common.TableSortByFieldState().display_name("Site")])
    for heading in ("Agreed on", "Reached between", "and"):
        date = [setting("unit", DATE), setting("mappings", code_words(BEYOND)), setting("custom.width", 150)]
        panel = panel.override_by_name(heading, [*date, setting("noValue", "none")])
    return panel


def _forecast(days: int) -> str:
    """The middle of the forecast in so many days."""
    return q.of_study(forecast.PATIENTS.name, f'days="{days}"', _bound("middle"))


def _bound(name: str) -> str:
    return f'bound="{name}"'
