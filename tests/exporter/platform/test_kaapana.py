"""A Kaapana as one source: images, workflows and gauges of a platform behind one front door and one login."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file

from airflow_server import a_run, write_runs
from platform_server import GAUGES, platform_at
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.local_gauges import LocalGauge
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.kaapana import KaapanaSource, Settings
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import NoProgress, SourceUnavailable

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
    write_runs(folder, a_run("1", dag_id="nnunet-predict", conf=conf))
    (folder / "gauges.txt").write_text(
        '# TYPE dicom_series_total gauge\ndicom_series_total{modality="CT"} 1\n# TYPE dicom_patients_total gauge\ndicom_patients_total 1\n'
    )
    return folder


def source_at(url: str, **settings: Any) -> KaapanaSource:
    return KaapanaSource(Settings(name="kaapana", kind="kaapana", url=url, **{"tries": 1} | settings), SITE)


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
    assert source.gauges(inventory) == [LocalGauge("dicom_series_total", 'modality="CT"', 1)]
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

    assert [one.name for one in source.gauges(inventory)] == ["dicom_series_total"]


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
