"""The aggregator's own health as `studyscope_` series; nothing here comes from a study's numbers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest


class OwnMetrics:
    """One set per program, on a registry of its own: the default one tells of CPU, memory and start time."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"studyscope_{name}", text, registry=self.registry)

        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"studyscope_{name}", text, labels, registry=self.registry)

        self.registry_reload_success = gauge("registry_reload_success", "1 while the newest registry files are in force.")
        self.registry_reload_timestamp = gauge("registry_reload_timestamp_seconds", "When the registry in force was loaded.")
        self.reports = counter("reports_total", "Reports answered, by outcome.", ("outcome",))
        self.last_accepted = gauge("last_accepted_timestamp_seconds", "When a report was last accepted.")
        self.last_refused = gauge("last_refused_timestamp_seconds", "When a report was last refused.")
        self.report_seconds = Histogram(
            "studyscope_report_handling_seconds",
            "From the whole body of a report to its answer, durable store included.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
            registry=self.registry,
        )
        self.store_up = gauge("store_up", "1 while the store can be written.")
        self.published_samples = gauge("published_samples", "Samples of the last /metrics.")
        self.render_seconds = gauge("render_seconds", "How long the last rebuilding of /metrics took.")
        self.history_samples = counter("history_samples_total", "History samples, by what became of them.", ("outcome",))
        self.history_up = gauge("history_up", "1 while the last write of history succeeded.")
        self.history_behind = gauge("history_reports_behind", "Accepted reports whose history is not yet written.")
        self.history_timestamp = gauge("history_last_write_timestamp_seconds", "When history was last written.")

    def exposition(self) -> bytes:
        return generate_latest(self.registry)
