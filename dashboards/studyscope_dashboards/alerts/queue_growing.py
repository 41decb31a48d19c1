"""Half of a hospital's patients wait much longer for a job to start than two weeks ago."""

from __future__ import annotations

from studyscope_contract.catalogue import jobs
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import INFERENCE_JOBS, LAST_KNOWN, named

LEAST_SECONDS = 3600
BUCKETS = f"{jobs.JOB_QUEUE_WAIT.metric}_bucket"


def median(ago: str = "") -> str:
    offset = f" offset {ago}" if ago else ""
    return f"histogram_quantile(0.5, max by (study, site, workflow, le) (last_over_time({BUCKETS}[{LAST_KNOWN}]{offset})))"


RULE = AlertRule(
    name="queue_growing",
    expr=named(f"round((({median()} > {LEAST_SECONDS}) > 2 * {median('14d')}) / 3600, 0.1)", "workflow"),
    hold="0s",
    keep="2d",
    audience="technical",
    title="Jobs of {{ $labels.workflow }} wait longer and longer at {{ $labels.name }}",
    over="Jobs of {{ $labels.workflow }} at {{ $labels.name }} no longer wait twice as long as before",
    what="At {{ $labels.name }} ({{ $labels.city }}) half of the patients wait for about {{ $value }} hours or longer until "
    "a job of {{ $labels.workflow }} starts, more than twice as long as two weeks ago. These are protected numbers: "
    "the hospital knows sooner and exactly.",
    to_do="Site IT: look at the scheduler's queue and whether its workers and graphics cards are all at work. "
    "Coordinator: nothing yet; call the site's IT when this mail comes a second time.",
    dashboard=f"{INFERENCE_JOBS}&var-workflow={{{{ $labels.workflow }}}}",
)
