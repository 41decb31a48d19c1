"""The release of the aggregator."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def release_number() -> str:
    try:
        return version("studyscope")
    except PackageNotFoundError:
        return "0.0.0"
