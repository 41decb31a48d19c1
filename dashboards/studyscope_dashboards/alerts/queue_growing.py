"""Half of a hospital's patients wait much longer for a job to start than two weeks ago."""

from __future__ import annotations

from studyscope_contract.catalogue import jobs
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import LAST_KNOWN, named

LEAST_SECONDS = 3600
BUCKETS = f"{jobs.JOB_QUEUE_WAIT.metric}_bucket"


def median(ago: str = "") -> str:
    offset = f" offset {ago}" if ago else ""
    return f"histogram_quantile(0.5, max by (study, site, workflow, le) (last_over_time({BUCKETS}[{LAST_KNOWN}]{offset})))"


RULE = AlertRule(
    name="queue_growing",
    expr=named(f"({median()} > {LEAST_SECONDS}) > 2 * {median('14d')}", "workflow"),
    hold="0s",
    keep="2d",
    audience="technical",
    title="Jobs of {{ $labels.workflow }} wait longer and longer at {{ $labels.name }}",
    over="Jobs of {{ $labels.workflow }} at {{ $labels.name }} no longer wait twice as long as before",
    what="At {{ $labels.name }} ({{ $labels.city }}) half of the patients wait for more than {{ $value | humanizeDuration }} "
    "until a job of {{ $labels.workflow }} starts, twice as long as two weeks ago. These are protected numbers: the hospital "
    "knows sooner and exactly.",
    to_do="Site IT: look at the scheduler's queue and whether its workers and graphics cards are all at work.",
    dashboard="/d/inference_jobs?var-study={{ $labels.study }}&var-site={{ $labels.site }}",
)
