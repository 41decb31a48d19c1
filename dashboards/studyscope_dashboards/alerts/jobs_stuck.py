"""Jobs of a workflow hang at a hospital, for more patients than the threshold."""

from __future__ import annotations

from studyscope_contract.catalogue import jobs
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import INFERENCE_JOBS, last, named

STUCK = last(jobs.JOB_OUTCOME.metric, 'outcome="stuck"')

RULE = AlertRule(
    name="jobs_stuck",
    expr=named(f"max by (study, site, workflow) ({STUCK}) > 0", "workflow"),
    hold="0s",
    keep="2d",
    audience="technical",
    title="Jobs of {{ $labels.workflow }} are stuck at {{ $labels.name }}",
    over="Jobs of {{ $labels.workflow }} at {{ $labels.name }} are no longer stuck, or too few to be shown",
    what="At {{ $labels.name }} ({{ $labels.city }}) about {{ $value }} patients wait for a job of {{ $labels.workflow }} that "
    "has run for longer than the study allows. These are protected numbers: the hospital knows sooner and exactly.",
    to_do="Site IT: run studyscope-exporter cases stuck, then look at the scheduler of the workflow and its machine. "
    "Coordinator: nothing yet; call the site's IT when this mail comes a second time.",
    dashboard=f"{INFERENCE_JOBS}&var-workflow={{{{ $labels.workflow }}}}",
)
