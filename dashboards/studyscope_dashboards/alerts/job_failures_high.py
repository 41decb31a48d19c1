"""Many patients of a hospital have a failed job of a workflow: on published numbers, so days late and over many people."""

from __future__ import annotations

from studyscope_contract.catalogue import jobs
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import INFERENCE_JOBS, high_share, named

RULE = AlertRule(
    name="job_failures_high",
    expr=named(high_share(jobs.JOB_OUTCOME.metric, 'outcome="failed"', "workflow", "job_failure_percent"), "workflow"),
    hold="0s",
    keep="2d",
    audience="everyone",
    title="Many jobs of {{ $labels.workflow }} fail at {{ $labels.name }}",
    over="Fewer jobs of {{ $labels.workflow }} fail at {{ $labels.name }}",
    what="At {{ $labels.name }} ({{ $labels.city }}) about {{ $value }} % of the patients with a job of {{ $labels.workflow }} "
    "have one that failed. These are protected numbers: the hospital knows sooner and exactly.",
    to_do="Site IT: run studyscope-exporter cases failed; the page of inference jobs has the reasons. "
    "Study leads: where the model is the reason at several sites, decide about its version. "
    "Coordinator: nothing yet; ask the site's IT for the reason when this mail comes a second time.",
    dashboard=f"{INFERENCE_JOBS}&var-workflow={{{{ $labels.workflow }}}}",
)
