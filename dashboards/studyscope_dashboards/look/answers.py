"""Whom the queries of the panels are put to: Grafana, or Prometheus itself where there is no Grafana."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from studyscope_dashboards.provisioning import DATASOURCE_UID

POINTS = 800
"""About as many as a panel has pixels for."""
STEP_AT_LEAST = 60.0


@dataclass(frozen=True)
class Span:
    """The time range of a page, in seconds since 1970."""

    start: float
    end: float

    @property
    def step(self) -> float:
        return max(STEP_AT_LEAST, (self.end - self.start) // POINTS)


@dataclass(frozen=True)
class Answer:
    """The labels of every series with a value, how long it took (seconds), or what the server objected to."""

    series: tuple[Mapping[str, str], ...]
    seconds: float
    error: str | None = None


class Answers(Protocol):
    """Puts one PromQL query over `span`, or at its end where `instant`; an objection is an answer, too."""

    def ask(self, expr: str, span: Span, *, instant: bool) -> Answer: ...


class FromGrafana:
    """Through /api/ds/query, as the browser asks."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ask(self, expr: str, span: Span, *, instant: bool) -> Answer:
        query = {
            "refId": "A",
            "datasource": {"type": "prometheus", "uid": DATASOURCE_UID},
            "expr": expr,
            "instant": instant,
            "range": not instant,
            "format": "time_series",
            "intervalMs": int(span.step * 1000),
            "maxDataPoints": POINTS,
        }
        body = {"queries": [query], "from": str(int(span.start * 1000)), "to": str(int(span.end * 1000))}
        began = time.perf_counter()
        response = self._client.post("/api/ds/query", json=body)
        seconds = time.perf_counter() - began
        result = response.json().get("results", {}).get("A", {})
        error = result.get("error") or (None if response.is_success else f"HTTP {response.status_code}: {response.text[:200]}")
        return Answer(tuple(_of_frames(result.get("frames", ()))), seconds, error)


def _of_frames(frames: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, str]]:
    for frame in frames:
        for field, values in zip(frame["schema"]["fields"], frame["data"]["values"], strict=True):
            if field["type"] == "number" and any(value is not None for value in values):
                yield field.get("labels", {})


class FromPrometheus:
    """Through Prometheus' own API, where there is no Grafana."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ask(self, expr: str, span: Span, *, instant: bool) -> Answer:
        began = time.perf_counter()
        if instant:
            response = self._client.post("/api/v1/query", data={"query": expr, "time": span.end})
        else:
            asked = {"query": expr, "start": span.start, "end": span.end, "step": span.step}
            response = self._client.post("/api/v1/query_range", data=asked)
        seconds = time.perf_counter() - began
        found = response.json()
        result = found.get("data", {}).get("result", ())
        return Answer(tuple(series["metric"] for series in result), seconds, found.get("error"))
