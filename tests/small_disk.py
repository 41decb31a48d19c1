"""A real small disk (tmpfs) that a test fills and frees; only root may mount one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class SmallDisk:
    """The disk mounted at `folder`."""

    folder: Path

    def fill(self, leave: int = 0) -> None:
        """Takes all space but about `leave` bytes."""
        state = os.statvfs(self.folder)
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            os.posix_fallocate(filler.fileno(), 0, max(state.f_bavail * state.f_frsize - leave, 1))

    def free(self) -> None:
        (self.folder / "filler").unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Skips the test where mounting is not permitted."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "studyscope-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs is not permitted here: run as root to try a full disk")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
