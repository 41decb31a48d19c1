"""Files that people are handed: readable by their owner only, never written over another one."""

from __future__ import annotations

import os
from pathlib import Path

from studyscope_contract.yaml_file import FileProblem, Problem


def write_new(path: Path, content: bytes) -> None:
    """Writes the file, mode 0600; raises FileProblem where there is one of that name or no folder for it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise FileProblem(path, [Problem(0, "", "is there already; choose another name")]) from None
    except OSError as error:
        raise FileProblem(path, [Problem(0, "", f"cannot be written: {error.strerror}")]) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
