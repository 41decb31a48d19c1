"""The configuration of the centre's Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

PUBLISHED_JOB = "studyscope-published"
"""Scrape job of what the hospitals publish; gives the values, so exactly one logical target."""
PROMETHEUS_JOB = "prometheus"
"""Scrape job of Prometheus' own health."""
CENTRE_JOB = "studyscope-aggregator"
"""Scrape job of the aggregator's own health; every replica is a target."""
OF_A_HOSPITAL = "studyscope_local_.*"
"""An exporter's own gauges: for its hospital, so that a centre keeps none, whatever a job of it is pointed at."""


def prometheus_config(
    aggregator: str,
    *,
    replicas: Sequence[str] = (),
    alertmanager: str | None = None,
    rule_files: Sequence[str] = (),
    scrape_interval: str = "1m",
    evaluation_interval: str = "1m",
    out_of_order_window: str = "400d",
    scheme: str = "http",
    itself: str = "localhost:9090",
) -> str:
    """A prometheus.yml. Addresses are `host:port`; `aggregator` may be a load balancer before the `replicas`.

    Start Prometheus with --web.enable-remote-write-receiver, so that the aggregator can write history;
    `itself` is where this Prometheus answers; `out_of_order_window` is how far back an offline hospital's reports may land.
    """
    config: dict[str, Any] = {
        "global": {"scrape_interval": scrape_interval, "evaluation_interval": evaluation_interval},
        "rule_files": list(rule_files),
        "scrape_configs": [_published(aggregator, scheme), _centre(replicas or (aggregator,), scheme), _own(itself)],
        "storage": {"tsdb": {"out_of_order_time_window": out_of_order_window}},
    }
    if alertmanager:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return yaml.safe_dump(config, sort_keys=False)


def _published(aggregator: str, scheme: str) -> dict[str, Any]:
    return {
        "job_name": PUBLISHED_JOB,
        "scheme": scheme,
        "metrics_path": "/metrics",
        "honor_labels": True,
        "honor_timestamps": False,
        "static_configs": [{"targets": [aggregator]}],
        # job and instance would tell two replicas' equal series apart, and every sum would count twice.
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": "study_.*", "action": "keep"},
            {"regex": "job|instance", "action": "labeldrop"},
        ],
    }


def _own(address: str) -> dict[str, Any]:
    return {
        "job_name": PROMETHEUS_JOB,
        "static_configs": [{"targets": [address]}],
        "metric_relabel_configs": [_dropped(OF_A_HOSPITAL)],
    }


def _centre(replicas: Sequence[str], scheme: str) -> dict[str, Any]:
    return {
        "job_name": CENTRE_JOB,
        "scheme": scheme,
        "metrics_path": "/metrics/self",
        "static_configs": [{"targets": list(replicas)}],
        "metric_relabel_configs": [_dropped(f"study_.*|{OF_A_HOSPITAL}")],
    }


def _dropped(names: str) -> dict[str, Any]:
    return {"source_labels": ["__name__"], "regex": names, "action": "drop"}
