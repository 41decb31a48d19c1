"""Why a report is refused: a closed list, with the answer that goes with each reason.

The exporter sets a report aside on 400, 409, 413 and 422 (the bytes will never do), keeps it and
tries again later on 425, 429 and 5xx, and keeps it and calls for a person on everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

STATUS: Mapping[str, int] = MappingProxyType(
    {
        "too_large": 413,
        "too_many": 429,
        "encoded": 415,
        "not_json": 400,
        "schema": 400,
        "not_canonical": 400,
        "newer_schema": 501,
        "unknown_study": 404,
        "unknown_site": 404,
        "not_member": 403,
        "unknown_key": 403,
        "key_expired": 403,
        "key_revoked": 403,
        "bad_signature": 403,
        "newer_study_version": 425,
        "in_future": 425,
        "old_sequence": 409,
        "conflicting": 409,
        "grid_order": 409,
        "unknown_table": 422,
        "unknown_code": 422,
        "policy_floor": 422,
        "impossible_value": 422,
        "too_many_series": 422,
    }
)
"""HTTP status of each reason."""

ELSEWHERE = "unknown"
"""Counts refusals that name no registered study and site; any name may be claimed."""


@dataclass(frozen=True)
class Rejected:
    """A report that is not taken; the message tells the site's IT what they can do."""

    reason: str
    message: str
    wait_seconds: int | None = None  # said to the site as Retry-After

    @property
    def status(self) -> int:
        return STATUS[self.reason]

    @property
    def temporary(self) -> bool:
        """Whether the same bytes can be accepted later."""
        return self.status in (425, 429) or self.status >= 500
