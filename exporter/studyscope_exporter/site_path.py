"""Paths in the site file start at the site file's own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

FOLDER = "folder"
"""Key of the validation context: the folder of the site file."""


def _from_the_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get(FOLDER)
    return folder / path.expanduser() if isinstance(folder, Path) else path.expanduser()


SitePath = Annotated[Path, AfterValidator(_from_the_file)]
"""A path as the site file gives it, made absolute by the site file's folder."""
