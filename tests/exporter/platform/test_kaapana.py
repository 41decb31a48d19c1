"""A Kaapana as one source: images, workflows and gauges of a platform behind one front door and one login."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydantic import ValidationError
from pydicom.data import get_testdata_file

from airflow_server import a_run, write_runs
from platform_server import GAUGES, INTAKE, PROJECT_ID, TAGGED, TOKENS, Keycloak, platform_at
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.local_gauges import LocalGauge
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.kaapana import KaapanaSource, Settings
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import NoProgress, SourceUnavailable

DAGS = {"nnunet-predict": {"workflow": "nnunet-predict"}}
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
SITE = SiteContext(Pseudonyms(b"s" * 32), lambda: NOW)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32, now=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    folder = tmp_path / "platform"
    folder.mkdir()
    shutil.copy(str(get_testdata_file("CT_small.dcm")), folder / "one.dcm")
    series = pydicom.dcmread(folder / "one.dcm").SeriesInstanceUID
    conf = {"data_form": {"identifiers": [str(series), "1.2.3.unknown"]}}
    arrived = {"dag_id": INTAKE, "conf": {}}
    write_runs(
        folder,
        a_run("1", dag_id="nnunet-predict", conf=conf),
        *(a_run(f"in-{number}", **arrived) for number in range(3)),
        a_run("in-3", **arrived, state="running"),
        *(a_run(f"in-{number}", **arrived, state="failed") for number in (4, 5, 6)),
        tasks={
            "in-4": [{"task_id": "dcm-validator", "state": "failed"}, {"task_id": "local-dcm-send", "state": "upstream_failed"}],
            "in-5": [{"task_id": "dcm-validator", "state": "failed"}],
            "in-6": [{"task_id": "Müller^Anna", "state": "failed"}],
        },
    )
    (folder / "gauges.txt").write_text(
        '# TYPE dicom_series_total gauge\ndicom_series_total{modality="CT"} 1\n# TYPE dicom_patients_total gauge\ndicom_patients_total 1\n'
    )
    return folder


def source_at(url: str, **settings: Any) -> KaapanaSource:
    return KaapanaSource(Settings(name="kaapana", kind="kaapana", url=url, **{"tries": 1, "dags": DAGS} | settings), SITE)


def test_images_workflows_and_gauges_come_from_one_source(platform: Path, inventory: Inventory) -> None:
    with platform_at(platform) as server:
        source = source_at(server.url, project="liver", gauges=("dicom_series_total",))
        first, second = source.scan(inventory, NoProgress()), source.scan(inventory, NoProgress())
        findings = source.check()

    jobs, series = inventory.jobs_frame(), inventory.series_frame()
    assert set(jobs["source"]) == set(series["source"]) == {"kaapana"}
    assert list(series["patient_key"]) == [SITE.pseudonyms.patient("1CT1")]
    # A run on two series is a job for each; the one whose series the archive has is linked.
    assert sorted(jobs["patient_key"].notna()) == [False, True]
    assert LocalGauge("dicom_series_total", 'modality="CT"', 1) in source.gauges(inventory)
    assert (first.read, first.unlinked, second.read) == (3, 1, 0)
    assert all(finding.ok for finding in findings)
    assert [asked.param("project") for asked in server.asked if asked.path == GAUGES] == ["liver"] * 3


@pytest.mark.parametrize(("down", "series", "jobs"), [("/dicom-web-filter", 0, 2), ("/flow", 1, 0), ("/kaapana-backend", 1, 2)])
def test_a_part_that_is_down_is_told_and_the_others_go_on(
    platform: Path, inventory: Inventory, down: str, series: int, jobs: int
) -> None:
    with platform_at(platform, down=frozenset({down})) as server:
        source = source_at(server.url)
        with pytest.raises(SourceUnavailable, match=down) as caught:
            source.scan(inventory, NoProgress())

    assert caught.value.temporary
    assert (len(inventory.series_frame()), len(inventory.jobs_frame())) == (series, jobs)


def test_parts_that_a_site_does_not_want_are_not_asked(platform: Path, inventory: Inventory) -> None:
    with platform_at(platform) as server:
        source_at(server.url, airflow_path=None, gauges_path=None).scan(inventory, NoProgress())

    assert {path.split("/")[1] for path in server.paths()} == {"dicom-web-filter"}


def test_the_number_of_patients_of_its_page_is_left_alone(platform: Path, inventory: Inventory) -> None:
    with platform_at(platform) as server:
        source = source_at(server.url)
        source.scan(inventory, NoProgress())

    assert {one.name for one in source.gauges(inventory)} == {"dicom_series_total", "series_received", "series_refused"}


def test_forgetting_a_platform_forgets_how_far_its_parts_came(platform: Path, inventory: Inventory) -> None:
    with platform_at(platform) as server:
        source = source_at(server.url)
        source.scan(inventory, NoProgress())
        inventory.forget("kaapana")
        again = source.scan(inventory, NoProgress())

    assert again.read == 3
    assert len(inventory.jobs_frame()) == 2


def test_items_are_named_for_a_person_at_the_site(platform: Path) -> None:
    uid = str(pydicom.dcmread(platform / "one.dcm").SeriesInstanceUID)
    series, run = SITE.pseudonyms.series(uid), SITE.pseudonyms.job("kaapana", "nnunet-predict", "1")

    with platform_at(platform) as server:
        named = source_at(server.url).identifiers([series, run])

    assert named == {series: f"series {uid} in {server.url}/dicom-web-filter", run: "run 1 of nnunet-predict"}


def secret(folder: Path, name: str, text: str) -> dict[str, Any]:
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return {"file": path}


def with_another_series(platform: Path) -> tuple[str, str]:
    first = str(pydicom.dcmread(platform / "one.dcm").SeriesInstanceUID)
    image = pydicom.dcmread(platform / "one.dcm")
    image.SeriesInstanceUID, image.SOPInstanceUID = "1.2.3.5", "1.2.3.5.1"
    image.save_as(platform / "two.dcm")
    return first, "1.2.3.5"


def test_a_dataset_is_a_cohort_and_a_series_that_leaves_it_leaves(platform: Path, inventory: Inventory) -> None:
    first, second = with_another_series(platform)
    (platform / "datasets.json").write_text(json.dumps({"baseline": [first, "9.9"], "more": [second]}))
    with platform_at(platform) as server:
        chosen = {"datasets": ("baseline", "more"), "project_id": PROJECT_ID, "airflow_path": None, "gauges_path": None}
        both = source_at(server.url, **chosen)
        both.scan(inventory, NoProgress())
        found = set(inventory.series_frame()["series_key"])
        (platform / "datasets.json").write_text(json.dumps({"baseline": [first], "more": []}))
        left = both.scan(inventory, NoProgress())
        findings = both.check()

    assert found == {SITE.pseudonyms.series(first), SITE.pseudonyms.series(second)}
    assert list(inventory.series_frame()["series_key"]) == [SITE.pseudonyms.series(first)]
    assert (left.read, left.removed) == (0, 1)
    assert findings[0].message == "series in the datasets or with the tags: 1"


def test_a_tag_is_a_cohort_as_a_dataset_is(platform: Path, inventory: Inventory) -> None:
    first, second = with_another_series(platform)
    (platform / "datasets.json").write_text(json.dumps({"baseline": [first]}))
    (platform / "tags.json").write_text(json.dumps({first: [], second: ["liver", "checked"], "9.9": ["other"]}))
    chosen = {"project": "liver", "project_id": PROJECT_ID, "airflow_path": None, "gauges_path": None}
    with platform_at(platform) as server:
        source_at(server.url, tags=("checked", "late"), **chosen).scan(inventory, NoProgress())
        tagged = list(inventory.series_frame()["series_key"])
        source_at(server.url, tags=("checked",), datasets=("baseline",), **chosen).scan(inventory, NoProgress())
        both = set(inventory.series_frame()["series_key"])
        (platform / "tags.json").write_text("{}")
        source_at(server.url, tags=("checked",), **chosen).scan(inventory, NoProgress())

    assert tagged == [SITE.pseudonyms.series(second)]
    assert both == {SITE.pseudonyms.series(first), SITE.pseudonyms.series(second)}
    assert len(inventory.series_frame()) == 0


def test_many_tagged_series_come_page_by_page(platform: Path) -> None:
    (platform / "tags.json").write_text(json.dumps({f"1.2.{number}": ["liver"] for number in range(2500)}))
    with platform_at(platform) as server:
        source = source_at(server.url, tags=("liver",), project="liver", project_id=PROJECT_ID)
        findings = source.check()

    assert findings[0].message == "series in the datasets or with the tags: 2500"
    assert server.paths().count(f"{TAGGED}series") == 3


def test_the_house_sees_what_the_platform_received_and_what_it_refused_by_step(platform: Path, inventory: Inventory) -> None:
    door = platform / "quarantine" / "DicomImportService" / "2026"
    door.mkdir(parents=True)
    shutil.copy(platform / "one.dcm", door)
    with platform_at(platform) as server:
        source = source_at(server.url, quarantine=platform / "quarantine", gauges_path=None)
        result = source.scan(inventory, NoProgress())
        asked = sum(path.endswith("taskInstances") for path in server.paths())
        source.scan(inventory, NoProgress())

    assert {(one.name, one.labels): one.value for one in source.gauges(inventory)} == {
        ("series_received", 'state="taken"'): 3,
        ("series_received", 'state="waiting"'): 1,
        ("series_received", 'state="refused"'): 3,
        ("series_refused", 'step="dcm-validator"'): 2,
        ("series_refused", 'step="other"'): 1,
        ("objects_in_quarantine", 'door="DicomImportService"'): 1,
    }
    assert result.unreadable == {"refused at dcm-validator": 2, "refused at other": 1, "in quarantine of DicomImportService": 1}
    # What failed once is not asked for again.
    assert asked == sum(path.endswith("taskInstances") for path in server.paths()) == 3


def test_an_intake_that_may_not_be_asked_says_how_to_leave_it_out(platform: Path, inventory: Inventory) -> None:
    with platform_at(platform) as server:
        source = source_at(server.url, intake_dag="another")
        with pytest.raises(SourceUnavailable, match="set intake_dag to null"):
            source.scan(inventory, NoProgress())
        held = source_at(server.url, quarantine=platform / "not mounted").check()

    assert len(inventory.jobs_frame()) == 2
    assert "is the platform's folder mounted here" in next(one.message for one in held if not one.ok)


@pytest.mark.parametrize("wrong", [{"datasets": ("unknown",)}, {"project_id": "another"}, {"tags": ("a",), "project": "other"}])
def test_a_dataset_that_cannot_be_asked_for_keeps_what_was_there(
    platform: Path, inventory: Inventory, wrong: dict[str, Any]
) -> None:
    first, _ = with_another_series(platform)
    (platform / "datasets.json").write_text(json.dumps({"baseline": [first]}))
    chosen = {"datasets": ("baseline",), "project_id": PROJECT_ID}
    with platform_at(platform) as server:
        source_at(server.url, **chosen).scan(inventory, NoProgress())
        with pytest.raises(SourceUnavailable, match=r"dataset|tags"):
            source_at(server.url, **(chosen | wrong)).scan(inventory, NoProgress())
        assert not source_at(server.url, **(chosen | wrong)).check()[0].ok

    assert len(inventory.series_frame()) == 1
    assert len(inventory.jobs_frame()) == 2


@pytest.mark.parametrize("person", [True, False], ids=["system user", "client credentials"])
def test_a_keycloak_gives_the_token_and_another_when_it_is_too_old(platform: Path, inventory: Inventory, person: bool) -> None:
    form = {"client_id": ["kaapana"], "client_secret": ["c"], "scope": ["openid"]}
    form |= (
        {"grant_type": ["password"], "username": ["system"], "password": ["p"]}
        if person
        else {"grant_type": ["client_credentials"]}
    )
    keycloak = Keycloak(form)
    with platform_at(platform, keycloak=keycloak) as server:
        login = {"by": "oidc", "token_url": server.url + TOKENS, "client": "kaapana", "secret": secret(platform, "c", "c")}
        login |= {"user": "system", "password": secret(platform, "p", "p")} if person else {}
        result = source_at(server.url, login=login, gauges=("dicom_series_total",)).scan(inventory, NoProgress())
        refused = source_at(server.url, login=login | {"client": "other"}).check()

    # Each part logs in for itself, which makes the token of the one before too old.
    assert keycloak.given == 4
    assert result.read == 3
    assert not any(finding.ok for finding in refused)
    assert not any("token-" in finding.message for finding in refused)


def test_a_login_that_is_half_written_is_refused() -> None:
    address = "https://kaapana.hospital.example" + TOKENS
    login = {"by": "oidc", "token_url": address, "client": "kaapana"}
    for wrong in (login, login | {"user": "system"}, login | {"token_url": "https://a:b@kaapana.hospital.example"}):
        with pytest.raises(ValidationError):
            source_at("https://kaapana.hospital.example", login=wrong)
    with pytest.raises(ValidationError, match="belong together"):
        source_at("https://kaapana.hospital.example", datasets=("one",))
    with pytest.raises(ValidationError, match="the name of the project"):
        source_at("https://kaapana.hospital.example", tags=("one",), project_id=PROJECT_ID)
