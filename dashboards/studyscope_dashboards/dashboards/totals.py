"""The consortium in totals, for everybody: no panel here names a site or needs one's numbers."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, stat
from grafana_foundation_sdk.builders import dashboard as build

from studyscope_contract.catalogue import imaging, progress
from studyscope_contract.metric import Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.dashboards.consortium import coverage, patients, patients_bounds, stages
from studyscope_dashboards.distributions import pooled, with_coverage
from studyscope_dashboards.page import page, study_variable
from studyscope_dashboards.panels import at, bars, now, number

DESCRIPTION = "The study in totals, with what they hold and what they leave open. No hospital is named."

_DISTRIBUTIONS: tuple[tuple[str, Table], ...] = (
    ("Modality", imaging.MODALITY),
    ("Body region", imaging.BODY_PART),
    ("Vendor", imaging.VENDOR),
    ("Sex", imaging.SEX),
    ("Age", imaging.AGE_BAND),
    ("Year of imaging", imaging.ACQUISITION_YEAR),
)


def dashboard() -> build.Dashboard:
    built = (
        page("totals", "Totals", DESCRIPTION, [study_variable()], links=False)
        .with_panel(patients(1).grid_pos(at(0, 0, 5, 4)))
        .with_panel(patients_bounds(2).grid_pos(at(5, 0, 8, 4)))
        .with_panel(coverage(3).grid_pos(at(13, 0, 5, 4)))
        .with_panel(oldest(4).grid_pos(at(18, 0, 6, 4)))
        .with_panel(stages(5, public=True).grid_pos(at(0, 4, 12, 8)))
        .with_panel(at_least(6).grid_pos(at(12, 4, 12, 8)))
    )
    for position, (title, table) in enumerate(_DISTRIBUTIONS):
        built = built.with_panel(
            pooled(10 + position, title, table, public=True).grid_pos(at(8 * (position % 3), 12 + 8 * (position // 3), 8, 8))
        )
    return built


def oldest(panel_id: int) -> stat.Panel:
    text = "When the site's number last moved that has not moved for longest."
    panel = number(panel_id, "Oldest part of the total", text, "time:YYYY-MM-DD")
    return panel.with_target(now(f"1000 * {q.total(progress.PATIENTS, 'oldest_release_timestamp_seconds')}", "oldest"))


def at_least(panel_id: int) -> bargauge.Panel:
    text = "Least that the sites together can have had at their last releases: sites that hide their number count as none."
    panel, label = bars(panel_id, "Patients who reached each stage, at least", text), progress.REACHED.dimensions[0].label
    panel = panel.with_target(now(f"sort_desc({q.total(progress.REACHED, 'lower')})", f"{{{{{label}}}}}"))
    return with_coverage(panel, progress.REACHED, public=True)
