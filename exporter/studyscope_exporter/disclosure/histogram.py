"""Buckets of a histogram, merged until each holds enough patients (privacy.md 2.7)."""

from __future__ import annotations

from collections.abc import Sequence

from studyscope_exporter.disclosure.census import Exact


def merged_edges(counts: Sequence[int], least: int, sticky: Sequence[int]) -> tuple[int, ...]:
    """Last fine bucket of each merged bucket, every merged bucket holding at least `least` patients.

    `sticky` is the result of the version before: its buckets stay, are split only where both parts
    hold enough, and join a neighbour only where they no longer do. () when fewer than two remain.
    """
    last = len(counts) - 1
    kept = _closed(counts, least, sticky if sticky else (last,))
    ends: list[int] = []
    start = 0
    for end in kept:
        ends.extend(_closed(counts, least, range(start, end + 1), start))
        start = end + 1
    return tuple(ends) if len(ends) > 1 else ()


def _closed(counts: Sequence[int], least: int, candidates: Sequence[int], start: int = 0) -> list[int]:
    """From left to right, a bucket closes at the first candidate end where it holds enough; what is left joins the last."""
    ends: list[int] = []
    first = start
    for end in candidates:
        if sum(counts[first : end + 1]) >= least:
            ends.append(end)
            first = end + 1
    whole = candidates[-1]
    if ends:
        ends[-1] = whole
        return ends
    return [whole]


def summed(counts: Sequence[int], ends: Sequence[int]) -> list[int]:
    """Patients in each merged bucket."""
    starts = [0, *(end + 1 for end in ends[:-1])]
    return [Exact(sum(counts[start : end + 1])) for start, end in zip(starts, ends, strict=True)]
