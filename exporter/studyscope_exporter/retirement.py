"""A machine that was moved away from: it keeps its folder as evidence, and runs no more.

Retired    this machine's site has moved to another one
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

MARK = "moved-away"


class Retired(Exception):
    """The site lives on another machine; this one must not report."""

    def __init__(self, state: Path, day: str) -> None:
        super().__init__(
            f"{state}: this site moved to another machine on {day}, and this one is retired; it must not report beside it. "
            f"Was the move given up, and does the other machine not run? Then delete {state / MARK}"
        )
        self.state, self.day = state, day


def refuse_if_retired(state: Path) -> None:
    """Raises Retired in the folder of a site that moved away."""
    mark = state / MARK
    if mark.exists():
        raise Retired(state, mark.read_text(encoding="utf-8").strip())


def retire(state: Path, day: dt.date) -> None:
    """From now on nothing runs in this folder; on disk before it returns."""
    with (state / MARK).open("w", encoding="utf-8") as file:
        file.write(f"{day.isoformat()}\n")
        file.flush()
        os.fsync(file.fileno())
    descriptor = os.open(state, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def return_to_service(state: Path) -> None:
    """For a move that failed."""
    (state / MARK).unlink(missing_ok=True)
