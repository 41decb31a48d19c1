"""The folder source over real files and over what hospitals put into folders."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.folder import FolderSource, Settings, open_source
from studyscope_exporter.sources.kinds import SiteContext, kinds
from studyscope_exporter.sources.source import NoProgress, ScanResult

PSEUDONYMS = Pseudonyms(bytes(32), "HOSPITAL")


def source(path: Path, executor: ProcessPoolExecutor | None = None, **settings: object) -> FolderSource:
    site = SiteContext(PSEUDONYMS, lambda: dt.datetime(2026, 1, 1, tzinfo=dt.UTC), executor=executor)
    return open_source(Settings.model_validate({"name": "archive", "kind": "folder", "path": path, **settings}), site)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32)) as opened:
        yield opened


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive" / "MUSTERMANN"
    folder.mkdir(parents=True)
    for name in ("CT_small.dcm", "MR_small.dcm", "liver.dcm"):
        found = get_testdata_file(name)
        assert isinstance(found, str)
        shutil.copy(found, folder / name)
    return tmp_path / "archive"


def scan(inventory: Inventory, archive: Path, **settings: object) -> ScanResult:
    return source(archive, **settings).scan(inventory, NoProgress())  # type: ignore[arg-type]


def test_the_kind_is_known_by_its_file_name() -> None:
    assert kinds()["folder"].Settings is Settings


def test_real_files_become_series_with_codes(inventory: Inventory, archive: Path) -> None:
    result = scan(inventory, archive)
    assert (result.seen, result.read, result.unreadable) == (3, 3, {})
    rows = inventory.series_frame().set_index("modality")
    assert set(rows.index) == {"CT", "MR", "SEG"}
    assert rows.loc["CT", "acquired_on"] == dt.date(1997, 4, 30)
    assert rows.loc["CT", "slice_thickness_mm"] == 5.0
    assert rows.loc["CT", "sex"] == "O"
    assert rows.loc["CT", "vendor"] == "ge"
    assert rows.loc["MR", "vendor"] == "canon"
    assert rows.loc["CT", "patient_key"] == PSEUDONYMS.patient("1CT1")


def test_a_segmentation_object_gives_its_volumes_too(inventory: Inventory, archive: Path) -> None:
    scan(inventory, archive)
    assert len(inventory.segmentations_frame()) == 1
    (volume,) = inventory.structures_frame()["volume_ml"]
    assert volume > 0


def test_a_second_pass_reads_nothing_and_another_issuer_reads_all(inventory: Inventory, archive: Path) -> None:
    scan(inventory, archive)
    assert scan(inventory, archive).read == 0
    assert scan(inventory, archive, issuer="ELSEWHERE").read == 3
    assert PSEUDONYMS.patient("1CT1", "ELSEWHERE") in set(inventory.series_frame()["patient_key"])


def test_a_copy_of_a_file_is_no_further_instance(inventory: Inventory, archive: Path) -> None:
    shutil.copytree(archive / "MUSTERMANN", archive / "backup")
    scan(inventory, archive)
    assert set(inventory.series_frame()["instances"]) == {1}
    assert len(inventory.segmentations_frame()) == 1


@pytest.mark.parametrize(
    ("keyword", "reason"),
    [
        ("SOPInstanceUID", "no identity"),
        ("SeriesInstanceUID", "no identity"),
        ("StudyInstanceUID", "no identity"),
        ("PatientID", "no patient ID"),
    ],
)
def test_an_empty_identifier_is_counted_by_reason_and_merges_nobody(
    inventory: Inventory, archive: Path, keyword: str, reason: str
) -> None:
    path = archive / "MUSTERMANN" / "CT_small.dcm"
    data_set = pydicom.dcmread(path)
    setattr(data_set, keyword, "")
    data_set.save_as(path)
    assert scan(inventory, archive).unreadable == {reason: 1}
    assert set(inventory.series_frame()["modality"]) == {"MR", "SEG"}


def test_what_is_no_dicom_is_ignored_and_what_is_cut_is_logged_by_number_only(
    inventory: Inventory, archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = archive / "MUSTERMANN"
    (folder / "notes.txt").write_text("not for your eyes " * 20)
    (folder / "CT_small.dcm").write_bytes((folder / "CT_small.dcm").read_bytes()[:950])
    with caplog.at_level(logging.DEBUG):
        result = scan(inventory, archive)
    assert (result.ignored, result.unreadable) == ({"not DICOM": 1}, {"truncated": 1})
    assert "MUSTERMANN" not in caplog.text
    assert "CT_small" not in caplog.text
    (number,) = [int(record.args[0]) for record in caplog.records if record.args]  # type: ignore[index, arg-type]
    assert inventory.resolve(number) == folder / "CT_small.dcm"


def test_other_processes_read_as_this_one_does(inventory: Inventory, archive: Path, tmp_path: Path) -> None:
    scan(inventory, archive)
    with ProcessPoolExecutor(1) as executor, Inventory.open(tmp_path / "second", key=bytes(32)) as second:
        source(archive, executor=executor).scan(second, NoProgress())
        assert second.series_frame().drop(columns="first_seen").equals(inventory.series_frame().drop(columns="first_seen"))
        assert second.structures_frame().equals(inventory.structures_frame())


def test_the_self_check_says_what_is_wrong_with_the_folder(tmp_path: Path, archive: Path) -> None:
    assert [finding.ok for finding in source(archive).check()] == [True]
    (tmp_path / "empty").mkdir()
    for wrong in ("empty", "missing"):
        (finding,) = source(tmp_path / wrong).check()
        assert not finding.ok
        assert "mounted" in finding.message
