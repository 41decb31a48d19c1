"""Sends history to a Prometheus remote-write receiver, at its true time.

    NotWritten           the receiver did not take a batch now; the same batch is right later

A sample that the receiver will never take (out of order, too old, out of bounds, a duplicate) makes
it refuse the whole request, some with 400 and Prometheus 2.42 with 500: such a batch is halved until
the sample is alone, and that sample is dropped and counted.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

import httpx

from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.settings import RemoteWrite
from studyscope_aggregator.write_request import HEADERS, Point, write_request

MARGIN = dt.timedelta(hours=1)
"""Samples so near the end of the receiver's window are not sent: they could leave it on the way."""

BATCH = 5000
"""Samples of one request at most."""

_POISON = re.compile(
    r"out[ -]of[ -]order|too[ -]old|out of bounds|duplicate|too[ -]far[ -]in[ -](?:the[ -])?(?:past|future)", re.IGNORECASE
)
"""In the words of Prometheus and VictoriaMetrics, and with the hyphens of Mimir."""


class NotWritten(Exception):
    """The receiver did not take a batch; the message says what its administrator can do."""


class HistoryWriter:
    """Writes batches of points; holds one connection."""

    def __init__(self, target: RemoteWrite, metrics: OwnMetrics) -> None:
        self._target, self._metrics = target, metrics
        self._http = httpx.AsyncClient(timeout=30, trust_env=False, headers=HEADERS)

    async def write(self, points: Sequence[Point], now: dt.datetime) -> None:
        """Writes what lies in the window; returns when each point is stored or can never be. Raises NotWritten."""
        oldest = _millis(now - dt.timedelta(hours=self._target.window_hours) + MARGIN)
        newest = _millis(now)
        fitting = [point for point in points if oldest <= point.millis <= newest]
        self._count("outside_window", len(points) - len(fitting))
        for start in range(0, len(fitting), BATCH):
            await self._send(fitting[start : start + BATCH])

    async def close(self) -> None:
        await self._http.aclose()

    async def _send(self, points: Sequence[Point]) -> None:
        try:
            answer = await self._http.post(self._target.url, content=write_request(points))
        except httpx.HTTPError as error:
            raise NotWritten(f"{self._target.url} cannot be reached: {str(error) or type(error).__name__}") from error
        if answer.is_success:
            self._count("written", len(points))
        elif not _POISON.search(answer.text) or answer.status_code not in (400, 500):
            raise NotWritten(f"{self._target.url} answered {answer.status_code}: {_advice(answer)}")
        elif len(points) == 1:
            self._count("refused_by_receiver", 1)
        else:
            middle = len(points) // 2
            await self._send(points[:middle])
            await self._send(points[middle:])

    def _count(self, outcome: str, number: int) -> None:
        if number:
            self._metrics.history_samples.labels(outcome).inc(number)


def _advice(answer: httpx.Response) -> str:
    if answer.status_code == 404:
        return "start Prometheus with --web.enable-remote-write-receiver, or correct remote_write.url"
    return " ".join(answer.text.split())[:300]


def _millis(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)
