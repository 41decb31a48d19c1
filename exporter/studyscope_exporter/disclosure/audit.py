"""The audit's place in the order of a release (privacy.md 2.1 step 9, 2.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from studyscope_exporter.disclosure.history import Beside, Release


@dataclass(frozen=True)
class Verdict:
    """Whether a release may go, and the hash of what proves it. `why` is for the site's screen only."""

    passed: bool
    proof: str
    why: tuple[str, ...] = field(default=(), repr=False)


class Audit(Protocol):
    """Decides over everything ever shown and a candidate; `beside` are the hospital's other studies over some of its patients.

    The domain holds a candidate that does not pass: nothing moves, exactly as if too few patients
    had changed, and a later grid point tries again with whoever came since.
    """

    def audit(self, history: Sequence[Release], candidate: Release, beside: Sequence[Beside] = ()) -> Verdict: ...


class NoAudit:
    """Looks at nothing and says so in the ledger."""

    def audit(self, history: Sequence[Release], candidate: Release, beside: Sequence[Beside] = ()) -> Verdict:
        del history, candidate, beside
        return Verdict(True, "no audit yet")
