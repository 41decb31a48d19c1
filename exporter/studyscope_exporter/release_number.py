"""The release of the exporter, as the reports name it."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

NOT_INSTALLED = "0.0.0"


def release_number() -> str:
    """Three numbers, never a build: a rare build would name its site."""
    try:
        found = re.match(r"\d+\.\d+\.\d+", version("studyscope"))
    except PackageNotFoundError:
        return NOT_INSTALLED
    return found.group() if found else NOT_INSTALLED
