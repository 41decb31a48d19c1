"""The charts on a real Kubernetes API server: installed where Pod Security is `restricted`, upgraded, rolled back, taken away.

Runs only with STUDYSCOPE_KUBECONFIG, the file that leads to a server on which namespaces may be made; no node is needed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHARTS, VALUES = ROOT / "deploy" / "helm", Path(__file__).parent / "helm"
WITHOUT_THE_OPERATOR = ["--set", "serviceMonitor.enabled=false,prometheusRule.enabled=false"]

pytestmark = [
    pytest.mark.optional,
    pytest.mark.timeout(300),
    pytest.mark.skipif("STUDYSCOPE_KUBECONFIG" not in os.environ, reason="set STUDYSCOPE_KUBECONFIG to a kubeconfig file"),
]


@dataclass(frozen=True)
class Namespace:
    """A namespace of its own on the server."""

    name: str

    def run(self, program: str, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        found = shutil.which(program)
        if found is None:
            pytest.skip(f"no {program} on the PATH")
        environment = {**os.environ, "KUBECONFIG": os.environ["STUDYSCOPE_KUBECONFIG"]}
        command = [found, *arguments, "--namespace", self.name]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=False, env=environment)

    def install(self, kind: str, *more: str) -> subprocess.CompletedProcess[str]:
        values = ["-f", str(VALUES / f"{kind}.yaml"), *(WITHOUT_THE_OPERATOR if kind == "centre" else []), *more]
        return self.run("helm", "upgrade", "--install", kind, str(CHARTS / f"studyscope-{kind}"), *values)

    def read(self, *what: str) -> dict[str, Any]:
        done = self.run("kubectl", "get", *what, "--output", "json")
        assert done.returncode == 0, done.stderr
        content: dict[str, Any] = json.loads(done.stdout)
        return content

    def pod_of(self, statefulset: str) -> subprocess.CompletedProcess[str]:
        """Asks the server to take the pod that the set's controller would make."""
        template = self.read("statefulset", statefulset)["spec"]["template"]
        template["metadata"]["name"] = f"{statefulset}-0"
        for claim in ("state", "store"):
            template["spec"]["volumes"].append({"name": claim, "persistentVolumeClaim": {"claimName": claim}})
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        return self.run("kubectl", "create", "--dry-run=server", "--filename", "-", given=json.dumps(pod))


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    place = Namespace(f"studyscope-{uuid.uuid4().hex[:8]}")
    made = place.run("kubectl", "create", "namespace", place.name)
    assert made.returncode == 0, made.stderr
    place.run("kubectl", "label", "namespace", place.name, "pod-security.kubernetes.io/enforce=restricted")
    place.run("kubectl", "label", "namespace", place.name, "pod-security.kubernetes.io/warn=restricted")
    place.run("kubectl", "create", "serviceaccount", "default")  # where no controller makes it
    yield place
    place.run("kubectl", "delete", "namespace", place.name, "--wait=false")


@pytest.mark.parametrize("kind", ["site", "centre"])
def test_a_restricted_namespace_takes_the_chart_and_its_pod(namespace: Namespace, kind: str) -> None:
    done = namespace.install(kind)

    assert done.returncode == 0, done.stderr
    assert "would violate" not in done.stderr
    admitted = namespace.pod_of("site-exporter" if kind == "site" else "centre-aggregator")
    assert admitted.returncode == 0, admitted.stderr


def test_a_share_mounted_by_the_pod_itself_is_told_to_be_refused(namespace: Namespace, tmp_path: Path) -> None:
    values = yaml.safe_load((VALUES / "site.yaml").read_text(encoding="utf-8"))
    values["archive"] = {"nfs": {"server": "filer", "path": "/liver"}}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))

    done = namespace.run("helm", "install", "shared", str(CHARTS / "studyscope-site"), "-f", str(tmp_path / "values.yaml"))

    assert 'restricted volume types (volume "archive" uses restricted volume type "nfs")' in done.stderr
    assert "forbidden" in namespace.pod_of("shared-exporter").stderr


def test_another_port_is_in_the_policy_until_it_is_rolled_back(namespace: Namespace) -> None:
    def ports() -> list[int]:
        egress = namespace.read("networkpolicy", "rolled-exporter")["spec"]["egress"]
        return [port["port"] for rule in egress for port in rule["ports"]]

    values = [str(CHARTS / "studyscope-site"), "-f", str(VALUES / "site.yaml")]
    assert namespace.run("helm", "install", "rolled", *values).returncode == 0
    assert namespace.run("helm", "upgrade", "rolled", *values, "--set", "centre.port=8443").returncode == 0
    assert ports() == [53, 53, 8443]

    assert namespace.run("helm", "rollback", "rolled", "1").returncode == 0
    assert ports() == [53, 53, 443]


@pytest.mark.parametrize(("kind", "key"), [("site", "state.size"), ("centre", "store.size")])
def test_a_size_that_kubernetes_would_refuse_is_refused_before_with_what_to_do(namespace: Namespace, kind: str, key: str) -> None:
    assert namespace.install(kind).returncode == 0

    done = namespace.install(kind, "--set", f"{key}=77Gi")

    assert done.returncode != 0
    assert f"{key}: stays" in done.stderr
    assert "grow the claim: kubectl" in done.stderr


def test_nothing_but_the_claims_is_left_of_a_chart_that_is_taken_away(namespace: Namespace) -> None:
    namespace.install("site")
    assert namespace.run("helm", "uninstall", "site").returncode == 0

    left = namespace.read("statefulset,networkpolicy,poddisruptionbudget,configmap", "-l", "app.kubernetes.io/instance=site")
    assert left["items"] == []
