"""What waits, and since when, in words for people."""

from __future__ import annotations

import datetime as dt

from studyscope_contract.amount import amount


def tables_waiting(number: int) -> str:
    """How many tables are not approved, as a sentence begins."""
    return "1 table waits for an approver" if number == 1 else f"{number} tables wait for an approver"


def ago(age: dt.timedelta) -> str:
    """A stretch of time up to now, as exactly as a person asks for it."""
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{amount(minutes, 'minute')} ago"
    return f"{minutes // 60} hours ago" if minutes < 72 * 60 else f"{minutes // (24 * 60)} days ago"
