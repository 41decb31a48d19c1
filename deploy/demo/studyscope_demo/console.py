"""What the demo says on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_TITLES = {
    "aggregator": "Aggregator, first page",
    "prometheus": "Prometheus",
    "alertmanager": "Alertmanager",
    "mails": "Mails that were sent",
    "smtp": "SMTP sink",
}
_PARTS = {
    "reports": "",
    "falls_silent": "falls silent for ten days and comes back",
    "never_reports": "registered, never reports",
    "wrong_key": "signs with a key that the centre does not know",
}
_NOISE = {
    "none": "",
    "contours_off": "contours off",
    "structures_missing": "structures missing",
    "structures_added": "structures added",
    "labels_confused": "labels confused",
}


def show_status(console: Console, status: dict[str, Any]) -> None:
    """The table of addresses and the table of hospitals."""
    addresses = Table(title="Studyscope demo", title_justify="left", show_header=False, box=None)
    for server, title in _TITLES.items():
        addresses.add_row(title, escape(status["addresses"][server]))
    running, _, instead = status["grafana"].partition("; ")
    addresses.add_row("Grafana", escape(running))
    addresses.add_row("The demo's time", f"{status['moment'][:16].replace('T', ' ')} UTC, {status['phase']}")
    console.print(addresses)
    if instead:
        # One line, so that it can be copied.
        console.print(instead, markup=False, highlight=False, soft_wrap=True)
    hospitals = Table(title="Hospitals", title_justify="left")
    for column in ("site", "hospital", "state", "patients", "files", "what is planted"):
        hospitals.add_column(column, justify="right" if column in ("patients", "files") else "left")
    for row in status["hospitals"]:
        planted = "; ".join(text for text in (_PARTS[row["part"]], _NOISE[row["noise"]]) if text)
        hospitals.add_row(row["id"], escape(row["name"]), row["state"], str(row["patients"]), str(row["files"]), planted)
    console.print(hospitals)


def show_measures(console: Console, status: dict[str, Any]) -> None:
    """Time to first data, memory, size of /metrics."""
    measures = status["measures"]
    parts = [f"first data after {status['seconds_to_first_data']:.0f} s"] if status["seconds_to_first_data"] else []
    if "catch_up_seconds" in measures:
        parts.append(f"catch-up {measures['catch_up_seconds']:.0f} s")
    if measures.get("memory_bytes"):
        parts.append(f"memory of all processes {measures['memory_bytes'] / 2**20:.0f} MiB")
    if "metrics_bytes" in measures:
        parts.append(
            f"/metrics {measures['metrics_bytes'] / 1024:.0f} KiB ({measures['metrics_gzip_bytes'] / 1024:.0f} KiB gzip)"
        )
    console.print("; ".join(parts))
