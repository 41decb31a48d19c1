"""The wheel holds what a site needs and nothing of the tests; two builds of it are the same bytes."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"studyscope_contract", "studyscope_exporter", "studyscope_aggregator", "studyscope_dashboards", "studyscope_demo"}


def built(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_five_packages_and_their_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == PACKAGES
    for data in ("studyscope_contract/codes/vendor.yaml", "studyscope_contract/py.typed"):
        assert data in names
    assert any(name.startswith("studyscope_aggregator/templates/") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_two_builds_are_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    assert built(tmp_path).read_bytes() == wheel.read_bytes()


def test_every_package_of_ours_belongs_to_the_distribution(wheel: Path) -> None:
    found = (*ROOT.glob("[!.]*/studyscope_*/__init__.py"), *ROOT.glob("deploy/*/studyscope_*/__init__.py"))
    folders = {path.parent.name for path in found}

    assert folders == PACKAGES
