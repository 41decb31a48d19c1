"""How inference jobs turn out: outcome, failure reasons, run time and waiting time of one workflow, sites compared."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build

from studyscope_contract.catalogue import jobs
from studyscope_dashboards.distributions import compared, history_by_code, pooled, quantiles_by_site
from studyscope_dashboards.page import choice, page, sites_variable, study_variable
from studyscope_dashboards.queries import of_study

DESCRIPTION = "How the jobs of one workflow turn out at each site. A patient counts once, with the latest job."
CHOSEN = 'workflow="$workflow"'


def dashboard() -> build.Dashboard:
    workflow = choice("workflow", "Workflow", f"label_values({of_study(jobs.JOB_OUTCOME.metric)}, workflow)")
    return (
        page("inference_jobs", "Inference jobs", DESCRIPTION, [study_variable(), sites_variable(), workflow])
        .with_panel(pooled(1, "Outcome, all sites", jobs.JOB_OUTCOME, CHOSEN).span(8))
        .with_panel(compared(2, "Outcome, sites compared", jobs.JOB_OUTCOME, CHOSEN).span(16).height(8))
        .with_panel(pooled(3, "Failure reason, all sites", jobs.JOB_FAILURE_REASON, CHOSEN).span(8))
        .with_panel(compared(4, "Failure reason, sites compared", jobs.JOB_FAILURE_REASON, CHOSEN).span(16).height(8))
        .with_panel(quantiles_by_site(5, "Run time, sites compared", jobs.JOB_DURATION, "s", CHOSEN).span(12))
        .with_panel(quantiles_by_site(6, "Waiting time, sites compared", jobs.JOB_QUEUE_WAIT, "s", CHOSEN).span(12))
        .with_panel(history_by_code(7, "Outcome over time, chosen sites", jobs.JOB_OUTCOME, CHOSEN).span(24))
    )
