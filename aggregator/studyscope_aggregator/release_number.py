"""The release of the aggregator."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def release_number() -> str:
    try:
        return version("studyscope")
    except PackageNotFoundError:
        return "0.0.0"


def is_older(release: str, than: str) -> bool:
    """Whether `release` is of an older minor release; a patch more or less asks nobody to update."""
    return _minor(release) < _minor(than)


def _minor(release: str) -> tuple[int, ...]:
    parts = release.split(".")[:2]
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)
