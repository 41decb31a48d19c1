"""How inference jobs turn out: outcome, failure reasons, run time and waiting time of one workflow, sites compared."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import table

from studyscope_contract.catalogue import centre, jobs, subgroups
from studyscope_dashboards import queries as q
from studyscope_dashboards.by_subgroup import share_by_subgroup
from studyscope_dashboards.cover import Covered, what_is_covered
from studyscope_dashboards.distributions import compared, history_by_code, pooled, quantiles_by_site, share_of_codes
from studyscope_dashboards.fields import by_site, no_number_as, site_link_column
from studyscope_dashboards.histograms import heat_by_site
from studyscope_dashboards.page import choice, page, sites_variable, study_variable
from studyscope_dashboards.panels import grid, rows
from studyscope_dashboards.queries import of_study

DESCRIPTION = "How the jobs of one workflow turn out at each site. A patient counts once, with the latest job."
BY_SUBGROUP = (
    subgroups.JOB_OUTCOME_BY_SEX,
    subgroups.JOB_OUTCOME_BY_AGE_BAND,
    subgroups.JOB_OUTCOME_BY_VENDOR,
    subgroups.JOB_OUTCOME_BY_SUBGROUP,
)
COVERED = (
    ("Outcome", jobs.JOB_OUTCOME),
    ("Failure reason", jobs.JOB_FAILURE_REASON),
    ("Run time", jobs.JOB_DURATION),
    ("Waiting time", jobs.JOB_QUEUE_WAIT),
)
STATES = ("taken_part", "late", "missed")
CHOSEN = 'workflow="$workflow"'


def dashboard() -> build.Dashboard:
    workflow = choice("workflow", "Workflow", f"label_values({of_study(jobs.JOB_OUTCOME.metric)}, workflow)")
    covered = [Covered(title, table_, (CHOSEN,)) for title, table_ in COVERED]
    built = (
        page("inference_jobs", "Inference jobs", DESCRIPTION, [study_variable(), sites_variable(), workflow])
        .with_panel(pooled(1, "Outcome, all sites", jobs.JOB_OUTCOME, CHOSEN).span(8).height(9))
        .with_panel(compared(2, "Outcome, sites compared", jobs.JOB_OUTCOME, CHOSEN).span(16).height(9))
        .with_panel(pooled(3, "Failure reason, all sites", jobs.JOB_FAILURE_REASON, CHOSEN).span(8).height(9))
        .with_panel(compared(4, "Failure reason, sites compared", jobs.JOB_FAILURE_REASON, CHOSEN).span(16).height(9))
        .with_panel(quantiles_by_site(5, "Run time, sites compared", jobs.JOB_DURATION, "s", CHOSEN).span(12))
        .with_panel(quantiles_by_site(6, "Waiting time, sites compared", jobs.JOB_QUEUE_WAIT, "s", CHOSEN).span(12))
        .with_panel(history_by_code(7, "Outcome over time, chosen sites", jobs.JOB_OUTCOME, CHOSEN).span(24))
        .with_panel(
            share_of_codes(8, "Share of failed jobs, every workflow", jobs.JOB_OUTCOME, ("failed",), 50).span(9).height(10)
        )
        .with_panel(heat_by_site(9, "Run time (s), distribution by site", jobs.JOB_DURATION, CHOSEN).span(15).height(10))
    )
    built = built.with_panel(learning_rounds(10).span(24).height(10))
    return built.with_panel(what_is_covered(30, covered).span(24)).with_row(subgroups_row())


def learning_rounds(panel_id: int) -> table.Panel:
    """Counted by the site's own log; whose model did how well stays there."""
    panel = grid(
        panel_id,
        "Rounds of federated learning",
        "Rounds that each site took part in in time, late, or missed, as its exporter says of itself; scores stay at the site. "
        "– stands for a site that says nothing of any.",
    ).no_value("–")
    every = f'label_replace(NaN * max by (site) ({q.of_sites(centre.SITE_INFO.name)}), "state", "{STATES[0]}", "", "")'
    counts = f"max by (site, state) ({q.of_sites(centre.SITE_LEARNING_ROUNDS.name)}) or {every}"
    panel = panel.with_target(rows(counts)).transformations(by_site("state", STATES))
    return panel.mappings([no_number_as("–")]).override_by_name(*site_link_column("Site"))


def subgroups_row() -> build.Row:
    """Closed, because most hospitals declare no such table."""
    row = build.Row("Outcome by subgroup, where hospitals declare it").id(40).collapsed(True)
    for position, crossing in enumerate(BY_SUBGROUP):
        title = f"Failed, by {crossing.dimensions[-1].label.replace('_', ' ')}"
        row = row.with_panel(share_by_subgroup(20 + position, title, crossing, ("failed",), CHOSEN).span(8).height(10))
    return row
