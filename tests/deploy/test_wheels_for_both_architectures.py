"""Every locked package is there as a wheel for amd64 and arm64, so nothing is compiled at a site; asks the package index.

Runs only with STUDYSCOPE_WHEELS=1; nothing is installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
GLIBC = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
"""What Debian 12 and RHEL 8 take."""

pytestmark = [
    pytest.mark.optional,
    pytest.mark.timeout(600),
    pytest.mark.skipif("STUDYSCOPE_WHEELS" not in os.environ, reason="set STUDYSCOPE_WHEELS=1 to ask the package index"),
]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("role", ["exporter", "exporter-page", "aggregator"])
def test_every_locked_package_has_a_wheel_with_the_locked_hash(role: str, machine: str, tmp_path: Path) -> None:
    locked = REQUIREMENTS / f"{role}.txt"
    platforms = [word for glibc in GLIBC for word in ("--platform", f"{glibc}_{machine}")]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps", "--require-hashes",
         "--only-binary=:all:", "--implementation=cp", "--python-version=3.11", *platforms, "--target", str(tmp_path / "none"),
         "--report", str(tmp_path / "report.json"), "--requirement", str(locked)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    found = [
        one["download_info"]["url"].rsplit("/", 1)[1] for one in json.loads((tmp_path / "report.json").read_text())["install"]
    ]
    assert len(found) == locked.read_text().count("==")
    assert any(f"_{machine}." in name for name in found)
