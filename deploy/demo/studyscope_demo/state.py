"""What a running demo says about itself, in one file that `status` and the tests read.

NoDemo               nothing runs in the folder
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import httpx
from prometheus_client.parser import text_string_to_metric_families

from studyscope_contract.catalogue import centre
from studyscope_demo.clock import write_atomically
from studyscope_demo.folder import DemoFolder
from studyscope_demo.supervisor import Started, remembered

Phase = Literal["starting", "catching up", "watching", "real time", "stopping"]


class NoDemo(Exception):
    """There is no running demo in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"no demo runs in {folder}; start one with: studyscope-demo run")


@dataclass(frozen=True)
class HospitalState:
    """One hospital: what was planned for it, and how much there is."""

    id: str
    name: str
    part: str
    noise: str
    patients: int = 0
    files: int = 0


@dataclass(frozen=True)
class DemoState:
    """The demo as its driver sees it."""

    driver: Started
    phase: Phase
    moment: str  # the demo's time, ISO 8601
    addresses: dict[str, str]
    grafana: str  # its address, or how to get one
    hospitals: tuple[HospitalState, ...]
    seconds_to_first_data: float | None = None
    measures: dict[str, float] = field(default_factory=dict)

    def write(self, folder: DemoFolder) -> None:
        write_atomically(folder.state, json.dumps(asdict(self), indent=1, ensure_ascii=False))

    def with_patients(self, counts: dict[str, tuple[int, int]]) -> DemoState:
        """`counts`: patients and files by hospital."""
        nothing = (0, 0)
        rows = tuple(
            replace(row, patients=counts.get(row.id, nothing)[0], files=counts.get(row.id, nothing)[1]) for row in self.hospitals
        )
        return replace(self, hospitals=rows)


def read_state(folder: DemoFolder) -> DemoState:
    """The state of the demo that runs in `folder`; raises NoDemo."""
    try:
        content: dict[str, Any] = json.loads(folder.state.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NoDemo(folder.root) from None
    content["driver"] = Started(**content["driver"])
    content["hospitals"] = tuple(HospitalState(**row) for row in content["hospitals"])
    state = DemoState(**content)
    if not state.driver.alive:
        raise NoDemo(folder.root)
    return state


def site_states(aggregator_url: str) -> dict[str, str]:
    """The state of every registered site, as the aggregator publishes it; empty while it does not answer."""
    try:
        answer = httpx.get(f"{aggregator_url}/metrics", timeout=5, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError:
        return {}
    families = text_string_to_metric_families(answer.text)
    samples = (sample for family in families if family.name == centre.SITE_STATE.name for sample in family.samples)
    return {sample.labels["site"]: sample.labels["state"] for sample in samples if sample.value == 1}


def full_status(folder: DemoFolder) -> dict[str, Any]:
    """Everything that `status --json` prints; raises NoDemo."""
    state = read_state(folder)
    states = site_states(state.addresses["aggregator"])
    running = {process.name for process in remembered(folder.root)}
    hospitals = [
        asdict(row) | {"state": states.get(row.id, "unknown"), "exporter": "runs" if f"hospital-{row.id}" in running else "none"}
        for row in state.hospitals
    ]
    mails = len(list(folder.mails.glob("[0-9]*.eml")))
    return asdict(state) | {"hospitals": hospitals, "processes": sorted(running), "mails": mails}
