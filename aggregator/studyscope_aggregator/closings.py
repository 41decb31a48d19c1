"""Ends of memberships that people decided with `site`: one file each in the registry."""

from __future__ import annotations

from pathlib import Path

import yaml

from studyscope_aggregator.registered_sites import Closing
from studyscope_aggregator.registry import CLOSED_FOLDER


def close(registry: Path, closing: Closing) -> Path:
    """Puts the decision in force within a second; a later one for the same site replaces it."""
    path = registry / CLOSED_FOLDER / f"{closing.study}.{closing.site}.yaml"
    path.parent.mkdir(exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(yaml.safe_dump(closing.model_dump(mode="json", exclude_none=True), sort_keys=False), encoding="utf-8")
    new.replace(path)
    return path
