"""What a hospital without internet gets: complete, checked, installed without a network; and the bill of materials."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "deploy" / "bundle"


@pytest.mark.parametrize("role", ["exporter", "exporter-page", "aggregator"])
def test_the_bill_of_materials_names_every_package_with_version_and_hash(role: str) -> None:
    program = shutil.which("cyclonedx-py")
    if program is None:
        pytest.skip("no cyclonedx-py on the PATH (pip install cyclonedx-bom)")
    requirements = ROOT / "requirements" / f"{role}.txt"
    command = [
        program,
        "requirements",
        "--output-reproducible",
        "--validate",
        "--pyproject",
        str(ROOT / "pyproject.toml"),
        str(requirements),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    again = subprocess.run(command, capture_output=True, text=True, check=True)

    bill = json.loads(done.stdout)
    listed = {component["name"]: component["version"] for component in bill["components"]}
    asked = dict(re.findall(r"(?m)^([A-Za-z0-9_.-]+)==(\S+)", requirements.read_text()))
    assert listed == asked
    assert bill["metadata"]["component"]["name"] == "studyscope"
    assert "sha256" in done.stdout.lower().replace("-", "")
    assert done.stdout == again.stdout


def damaged_bundle(folder: Path) -> Path:
    bundle = folder / f"studyscope-site-0.1.0-cp{sys.version_info[0]}{sys.version_info[1]}-linux-x86_64"
    (bundle / "wheels").mkdir(parents=True)
    shutil.copy(BUNDLE / "install", bundle)
    (bundle / "requirements.txt").write_text("changed on the way")
    (bundle / "SHA256SUMS").write_text(f"{'0' * 64}  ./requirements.txt\n")
    return bundle


def test_a_damaged_bundle_installs_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    bundle = damaged_bundle(tmp_path)

    done = subprocess.run([str(bundle / "install"), str(tmp_path / "opt")], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "The bundle is damaged: fetch it again" in done.stderr
    assert not (tmp_path / "opt").exists()


def test_a_bundle_for_another_python_says_so(tmp_path: Path) -> None:
    bundle = damaged_bundle(tmp_path)
    bundle = bundle.rename(bundle.with_name("studyscope-site-0.1.0-cp399-linux-x86_64"))
    (bundle / "SHA256SUMS").write_text("")
    (bundle / "requirements.txt").unlink()
    subprocess.run("find . -type f ! -name SHA256SUMS -exec sha256sum {} + > SHA256SUMS", shell=True, cwd=bundle, check=True)

    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(
        [str(bundle / "install"), str(tmp_path / "opt")], capture_output=True, text=True, check=False, env=environment
    )

    assert done.returncode == 1
    assert "ask the centre for the bundle of your version" in done.stderr


@pytest.mark.optional
@pytest.mark.timeout(600)
@pytest.mark.skipif("STUDYSCOPE_BUNDLE" not in os.environ, reason="set STUDYSCOPE_BUNDLE=1 to build it; fetches 60 MB")
def test_a_bundle_is_installed_without_a_network_and_runs(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        subprocess.run([str(BUNDLE / "make-site-bundle"), str(tmp_path / folder), sys.executable], check=True, cwd=ROOT)
    (archive,) = (tmp_path / "one").glob("*.tar.gz")
    assert archive.read_bytes() == (tmp_path / "two" / archive.name).read_bytes(), "the same input, the same bytes"
    subprocess.run(["sha256sum", "--check", f"{archive.name}.sha256"], check=True, cwd=archive.parent)
    subprocess.run(["tar", "-xf", str(archive), "-C", str(tmp_path)], check=True)
    bundle = tmp_path / archive.name.removesuffix(".tar.gz")

    alone = ["unshare", "--net", "--map-root-user"]
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "HOME": str(tmp_path)}
    done = subprocess.run(
        [*alone, str(bundle / "install"), str(tmp_path / "opt")], capture_output=True, text=True, check=False, env=environment
    )

    assert done.returncode == 0, done.stderr
    installed = {path.name for path in (tmp_path / "opt" / "lib").glob("python3*/site-packages/*")}
    assert "studyscope_exporter" in installed
    assert "fastapi" not in installed
    helped = subprocess.run(
        [str(tmp_path / "opt/bin/studyscope-exporter"), "check", "--help"], capture_output=True, text=True, check=True
    )
    assert "say what to do" in helped.stdout
