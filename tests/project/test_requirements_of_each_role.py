"""What an image installs is what pyproject.toml asks for, at the locked versions, with hashes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def names(role: str) -> set[str]:
    return set(re.findall(r"(?m)^([a-z0-9.-]+)==", (REQUIREMENTS / f"{role}.txt").read_text()))


def test_the_files_of_the_roles_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, str(REQUIREMENTS / "roles.py"), "--check"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("role", ["exporter", "exporter-page", "aggregator", "build"])
def test_every_package_has_a_hash(role: str) -> None:
    text = (REQUIREMENTS / f"{role}.txt").read_text()

    assert text.count("==") == len(re.findall(r"==\S+ \\\n    --hash=sha256:", text)) > 0


def test_a_hospital_installs_no_web_framework_and_nothing_of_the_centre() -> None:
    assert not names("exporter") & {"fastapi", "uvicorn", "jinja2", "grafana-foundation-sdk", "cramjam"}
    assert not names("exporter-page") & {"grafana-foundation-sdk", "cramjam"}
    assert {"pydicom", "highspy"} <= names("exporter") < names("exporter-page")
