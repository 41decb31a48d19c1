"""Whether the state folder can be written, is private, and lies on a disk that will still be there tomorrow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from studyscope_exporter.sources.source import Finding

MOUNTS = Path("/proc/self/mountinfo")
LEAST_FREE_BYTES = 1 << 30

VANISHING = frozenset({"tmpfs", "ramfs", "devtmpfs"})
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs"})


def state_folder(state: Path, mounts: str) -> Iterator[Finding]:
    """What there is to say about `state`; `mounts` is the text of /proc/self/mountinfo, '' where there is none."""
    where = next(place for place in (state, *state.parents) if place.exists())
    problem = _cannot_be_written(where)
    if problem:
        yield Finding(False, f"state folder {state} cannot be written ({problem}): give it to the user that runs the exporter")
        return
    yield Finding(True, f"state folder {state} can be written")
    if state.exists() and state.stat().st_mode & 0o077:
        yield Finding(False, f"others can look into the state folder; run: chmod 700 {state}")
    yield _disk(state, file_system_of(where.resolve(), mounts))
    free = _free_bytes(where)
    if free < LEAST_FREE_BYTES:
        yield Finding(False, f"{free >> 20} MB are free where {state} lies; 1024 MB are the least: make room")


def file_system_of(path: Path, mounts: str) -> str:
    """The type of the file system that holds `path`, '' when `mounts` does not tell (proc(5), mountinfo)."""
    best, found = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = before.split()[4].encode().decode("unicode_escape")
        if path.is_relative_to(point) and len(point) >= len(best):
            best, found = point, after.split()[0]
    return found


def _disk(state: Path, kind: str) -> Finding:
    if kind in VANISHING:
        return Finding(False, f"{state} lies in memory ({kind}) and is gone after a restart: choose a folder on a disk")
    if kind in NETWORK:
        return Finding(
            False, f"{state} lies on a network share ({kind}), where its database can be damaged: choose a disk of this machine"
        )
    if kind == "overlay":
        return Finding(False, f"{state} lies in the container itself and is lost with it: mount a volume there")
    return Finding(True, f"{state} lies on a disk of this machine" + (f" ({kind})" if kind else ""))


def _cannot_be_written(folder: Path) -> str | None:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".check-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return None


def _free_bytes(folder: Path) -> int:
    at = os.statvfs(folder)
    return at.f_bavail * at.f_frsize
