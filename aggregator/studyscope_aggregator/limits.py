"""How often one site may call: a storm of one site's retries costs the others nothing."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from studyscope_aggregator.settings import Limits

MOST_CALLERS = 20_000
"""Callers that are remembered; the one that was quiet for longest is forgotten first."""

_CLAIM = re.compile(rb'"site":"([a-z0-9-]{1,40})","study":"([a-z0-9-]{1,40})"')
_NOBODY = (b"", b"")

Caller = tuple[str, bytes, bytes]


@dataclass
class _Bucket:
    left: float
    at: float


class CallLimits:
    """One bucket of calls for each address and claimed site.

    The claim is read without parsing or verifying: this decides before anything that costs. A caller
    who claims another site's name from elsewhere empties a bucket of its own.
    """

    def __init__(self, limits: Limits, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._monotonic = limits, monotonic
        self._buckets: OrderedDict[Caller, _Bucket] = OrderedDict()

    def seconds_to_wait(self, address: str, raw: bytes) -> int:
        """0 when the call may go on and is counted, else after how many seconds one may."""
        now, rate = self._monotonic(), self._limits.reports_per_minute / 60
        caller = (address, *_claim(raw))
        bucket = self._buckets.get(caller) or _Bucket(float(self._limits.burst), now)
        bucket.left = min(float(self._limits.burst), bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        self._buckets[caller] = bucket
        self._buckets.move_to_end(caller)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        if bucket.left < 1:
            return max(1, round((1 - bucket.left) / rate))
        bucket.left -= 1
        return 0


def _claim(raw: bytes) -> tuple[bytes, bytes]:
    """Site and study that a report in canonical form names; nobody for anything else."""
    found = _CLAIM.search(raw)
    return (found[1], found[2]) if found else _NOBODY
