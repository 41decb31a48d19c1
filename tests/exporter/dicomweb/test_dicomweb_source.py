"""An archive gives what a folder of the same files gives; and what it does wrong stops nothing."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pydicom
import pytest
from pydantic import ValidationError

from archive_files import write_archive
from archive_server import PlainArchive, archive_at
from local_server import Answer, Asked, LocalServer, as_json, served
from orthanc_server import PASSWORD, USER, delete_series, in_a_network_of_its_own, orthanc, store
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.servers.server import Patience
from studyscope_exporter.sources import folder as folder_kind
from studyscope_exporter.sources.dicomweb import DicomwebSource, Settings
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import NoProgress, ScanResult, SourceUnavailable

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
SITE = SiteContext(Pseudonyms(b"s" * 32, "HOSPITAL"), lambda: NOW)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Written once: highdicom takes its time."""
    folder = tmp_path_factory.mktemp("template") / "archive"
    write_archive(folder)
    return folder


@pytest.fixture
def archive(tmp_path: Path, template: Path) -> PlainArchive:
    shutil.copytree(template, tmp_path / "archive")
    return PlainArchive(tmp_path / "archive")


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with opened(tmp_path / "inventory.sqlite") as inventory:
        yield inventory


def opened(path: Path) -> Inventory:
    return Inventory.open(path, key=b"k" * 32, now=lambda: NOW)


def source_at(url: str, **settings: Any) -> DicomwebSource:
    waits: list[float] = []
    chosen = Settings(name="pacs", kind="dicomweb", url=url, **{"tries": 2} | settings)
    return DicomwebSource(chosen, SITE, Patience(waits.append, random.Random(1)))


def scanned(inventory: Inventory, answer: Callable[[Asked], Answer], **settings: Any) -> tuple[ScanResult, LocalServer]:
    with served(answer) as server:
        return source_at(server.url, **settings).scan(inventory, NoProgress()), server


def from_a_folder(path: Path, at: Path, **chosen: Any) -> tuple[list[pd.DataFrame], ScanResult]:
    with opened(at) as inventory:
        settings = folder_kind.Settings(name="pacs", kind="folder", path=path, **chosen)
        result = folder_kind.open_source(settings, SITE).scan(inventory, NoProgress())
        return frames(inventory), result


def frames(inventory: Inventory) -> list[pd.DataFrame]:
    found = (inventory.series_frame(), inventory.segmentations_frame(), inventory.structures_frame())
    keys = ("series_key", "segmentation_key", "segmentation_key")
    return [frame.sort_values(key).reset_index(drop=True) for frame, key in zip(found, keys, strict=True)]


def assert_same(ours: list[pd.DataFrame], theirs: list[pd.DataFrame]) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        assert len(other)
        pd.testing.assert_frame_equal(mine, other)


def test_an_archive_gives_what_a_folder_of_the_same_files_gives(
    tmp_path: Path, archive: PlainArchive, inventory: Inventory
) -> None:
    result, server = scanned(inventory, archive.answer, page=2)

    theirs, of_folder = from_a_folder(archive.folder, tmp_path / "folder.sqlite")
    assert_same(frames(inventory), theirs)
    assert result.unreadable == of_folder.unreadable == {"no patient ID": 1}
    assert (result.seen, result.read, result.unlinked) == (7, 7, 0)
    assert "/elsewhere" not in " ".join(server.paths())


def test_lesions_are_counted_in_what_was_fetched_before_as_soon_as_they_are_asked_for(
    tmp_path: Path, archive: PlainArchive, inventory: Inventory
) -> None:
    scanned(inventory, archive.answer)

    scanned(inventory, archive.answer, lesions=["Liver"])

    found = frames(inventory)
    assert list(found[2]["lesions"]) == [1, 1]
    assert_same(found, from_a_folder(archive.folder, tmp_path / "folder.sqlite", lesions=("Liver",))[0])


@pytest.mark.real
def test_a_real_orthanc_gives_what_a_folder_of_the_same_files_gives(tmp_path: Path, archive: PlainArchive) -> None:
    files = sorted(archive.folder.rglob("*.dcm"))
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    login = {"by": "basic", "user": USER, "password": {"file": secret}}

    def work() -> tuple[list[ScanResult], list[pd.DataFrame], int, list[bool]]:
        with orthanc(tmp_path / "orthanc") as url, opened(tmp_path / "orthanc.sqlite") as inventory:
            store([path for path in files if path.name != "nobody.dcm"])
            source = source_at(url, login=login, page=2)
            checks = [source.check()[0].ok, source_at(url).check()[0].ok]
            results = [source.scan(inventory, NoProgress()), source.scan(inventory, NoProgress())]
            found = frames(inventory)
            gone = pydicom.dcmread(archive.folder / "seg-1.dcm", stop_before_pixels=True)
            delete_series(gone.SeriesInstanceUID)
            results.append(source.scan(inventory, NoProgress()))
            return results, found, len(inventory.segmentations_frame()), checks

    results, found, left, checks = in_a_network_of_its_own(work)

    (archive.folder / "nobody.dcm").unlink()
    assert_same(found, from_a_folder(archive.folder, tmp_path / "folder.sqlite")[0])
    assert checks == [True, False]
    assert [(one.seen, one.read, one.removed) for one in results] == [(6, 6, 0), (6, 0, 0), (5, 0, 1)]
    assert left == 1


def test_only_new_objects_are_fetched_and_gone_ones_leave(archive: PlainArchive, inventory: Inventory) -> None:
    scanned(inventory, archive.answer)
    again, server = scanned(inventory, archive.answer)
    other = pydicom.dcmread(archive.folder / "seg-1.dcm")
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "1.2.3.9"
    pydicom.dcmwrite(archive.folder / "seg-3.dcm", other)

    more, asked = scanned(inventory, archive.answer)
    (archive.folder / "seg-1.dcm").unlink()
    fewer, _ = scanned(inventory, archive.answer)

    assert (again.read, set(server.paths())) == (0, {"/series"})
    assert (more.read, [path for path in asked.paths() if path.endswith("1.2.3.9")][1:]) == (1, [])
    assert sum("/instances/" in path for path in asked.paths()) == 1
    assert (fewer.read, fewer.removed, len(inventory.segmentations_frame())) == (1, 0, 2)


def test_a_series_leaves_only_after_two_whole_listings_without_it(archive: PlainArchive, inventory: Inventory) -> None:
    scanned(inventory, archive.answer)
    listings = 0

    def shifting(asked: Asked) -> Answer:
        """The first listing misses its second page, as when an archive changes meanwhile."""
        nonlocal listings
        if asked.path == "/series" and asked.param("offset") == "0":
            listings += 1
        return Answer(status=204) if listings == 1 and asked.param("offset") != "0" else archive.answer(asked)

    result, _ = scanned(inventory, shifting, page=2)
    for path in archive.folder.glob("ct-1-*.dcm"):
        path.unlink()
    after, _ = scanned(inventory, archive.answer)

    assert (result.seen, result.removed) == (2, 0)
    assert after.removed == 1
    assert len(inventory.series_frame()) == 5


def test_a_server_that_goes_down_in_the_middle_loses_nothing(archive: PlainArchive, inventory: Inventory) -> None:
    scanned(inventory, archive.answer)

    def dying(asked: Asked) -> Answer:
        return archive.answer(asked) if asked.param("offset") in ("0", "") else as_json({}, 500)

    with pytest.raises(SourceUnavailable, match="answers 500") as caught:
        scanned(inventory, dying, page=2)

    assert caught.value.temporary
    assert len(inventory.series_frame()) == 6


def test_a_corrected_patient_is_read_again(archive: PlainArchive, inventory: Inventory) -> None:
    scanned(inventory, archive.answer)
    image = pydicom.dcmread(archive.folder / "MR_small.dcm")
    image.PatientID = "corrected"
    pydicom.dcmwrite(archive.folder / "MR_small.dcm", image)
    archive.files.clear()

    result, _ = scanned(inventory, archive.answer)

    assert result.read == 1
    assert SITE.pseudonyms.patient("corrected", "") in set(inventory.series_frame()["patient_key"])


def test_attributes_that_a_server_does_not_give_of_series_are_asked_of_one_instance(
    tmp_path: Path, archive: PlainArchive, inventory: Inventory
) -> None:
    archive.without = frozenset({"00080070", "00180050", "00180087", "0008001C", "00181030", "00080022"})

    result, server = scanned(inventory, archive.answer)

    assert_same(frames(inventory), from_a_folder(archive.folder, tmp_path / "folder.sqlite")[0])
    assert "attributes not given" not in result.unreadable
    assert [asked.param("limit") for asked in server.asked if asked.path.endswith("/instances")].count("1") == 7


def test_attributes_that_a_server_does_not_have_at_all_are_counted(archive: PlainArchive, inventory: Inventory) -> None:
    archive.without = frozenset({"00080070"})

    def without_details(asked: Asked) -> Answer:
        details = asked.path.endswith("/instances") and asked.param("limit") == "1"
        return Answer(status=204) if details else archive.answer(asked)

    result, _ = scanned(inventory, without_details)

    assert result.unreadable["attributes not given"] == 7
    assert set(inventory.series_frame()["vendor"]) == {"not_stated"}


@pytest.mark.parametrize(
    ("settings", "series"),
    [
        ({"modalities": ["CT"]}, 3),
        ({"modalities": ["CT", "SEG"]}, 5),
        ({"studies_from": "2025-01-01"}, 4),
        ({"studies_until": "2024-12-31"}, 2),
    ],
)
def test_filters(archive: PlainArchive, inventory: Inventory, settings: dict[str, Any], series: int) -> None:
    scanned(inventory, archive.answer, **settings)

    assert len(inventory.series_frame()) == series


def objects_as(archive: PlainArchive, change: Callable[[Answer], Answer]) -> Callable[[Asked], Answer]:
    return lambda asked: change(archive.answer(asked)) if "/instances/" in asked.path else archive.answer(asked)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda good: Answer(good.body[:-200], 200, good.headers), "truncated"),
        (lambda good: Answer(good.body.replace(b"\r\n\r\n", b"\r\n", 1)[:20_000], 200, good.headers), None),
        (lambda good: Answer(good.body, 200, {"Content-Type": "multipart/related"}), "malformed"),
        (lambda good: Answer(good.body, 200, {"Content-Type": "multipart/related; boundary=other"}), None),
        (lambda _: Answer(b"", 200, {"Content-Type": "multipart/related; boundary=x"}), "truncated"),
        (lambda _: Answer(b"<html>", 200, {"Content-Type": "text/html"}), "not DICOM"),
        (lambda _: as_json({}, 404), "not retrieved"),
        (lambda _: as_json({}, 500), "not retrieved"),
    ],
)
def test_an_object_that_cannot_be_fetched_is_counted_and_tried_again(
    archive: PlainArchive, inventory: Inventory, change: Callable[[Answer], Answer], reason: str | None
) -> None:
    faulty, _ = scanned(inventory, objects_as(archive, change))
    mended, _ = scanned(inventory, archive.answer)

    counted = {why: count for why, count in faulty.unreadable.items() if why != "no patient ID"}
    assert sum(counted.values()) == 2
    assert reason is None or counted == {reason: 2}
    assert (mended.read, mended.unreadable) == (2, {"no patient ID": 1})
    assert len(inventory.segmentations_frame()) == 2


def test_an_object_that_is_too_large_is_not_read(archive: PlainArchive, inventory: Inventory) -> None:
    def huge(good: Answer) -> Answer:
        return Answer(good.body[:1000] + bytes(3 << 20), 200, good.headers)

    result, _ = scanned(inventory, objects_as(archive, huge), most_megabytes=1)

    assert result.unreadable["header too large"] == 2


def test_an_object_that_comes_without_parts_is_read(archive: PlainArchive, inventory: Inventory) -> None:
    def single(good: Answer) -> Answer:
        content = good.body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0]
        return Answer(content, 200, {"Content-Type": "application/dicom"})

    scanned(inventory, objects_as(archive, single))

    assert len(inventory.segmentations_frame()) == 2


def test_an_archive_that_refuses_every_object_is_down(archive: PlainArchive, inventory: Inventory) -> None:
    for number in range(3, 9):
        other = pydicom.dcmread(archive.folder / "seg-1.dcm")
        other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        pydicom.dcmwrite(archive.folder / f"seg-{number}.dcm", other)

    with pytest.raises(SourceUnavailable, match="answers 503"):
        scanned(inventory, objects_as(archive, lambda _: as_json({}, 503)))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (as_json([{"0020000E": {"vr": "UI", "Value": ["1.2"]}}]), "same page again and again"),
        (as_json({"series": []}), "answers no list"),
        (Answer(b"[{]", 200), "not JSON"),
        (as_json({}, 401), "login is not accepted"),
        (as_json({}, 404), "is `url` right"),
        (Answer(b"", 302, {"Location": "https://sso.example"}), "sends us elsewhere"),
    ],
)
def test_a_server_that_is_no_archive_is_told_from_one(inventory: Inventory, answer: Answer, message: str) -> None:
    with pytest.raises(SourceUnavailable, match=message):
        scanned(inventory, lambda _: answer)


def test_check_says_in_words_what_to_do(archive: PlainArchive) -> None:
    with archive_at(archive) as server:
        (good,) = source_at(server.url).check()
        (none,) = source_at(server.url, modalities=["XA"]).check()
    (down,) = source_at(server.url).check()

    assert (good.ok, none.ok, down.ok) == (True, True, False)
    assert "no series that fit" in none.message
    assert "cannot be reached" in down.message


def test_strange_answers_are_counted_and_stop_nothing(archive: PlainArchive, inventory: Inventory) -> None:
    strange: list[Any] = [
        None,
        7,
        [],
        {},
        {"0020000E": "1.2"},
        {"0020000E": {"Value": [{"x": 1}]}},
        {"0020000E": {"Value": ["../../instances"]}},
        {
            "0020000E": {"Value": ["1.2.7"]},
            "0020000D": {"Value": ["1.2"]},
            "00100020": {"Value": [None, 5]},
            "00201209": {"Value": ["x"]},
        },
        {"0020000E": {"Value": ["1.2.8"]}, "0020000D": {"Value": ["1.2/../3"]}, "00100020": {"Value": ["A"]}},
        {
            "0020000E": {"Value": ["1.2.9"]},
            "0020000D": {"Value": ["1.2"]},
            "00100020": {"Value": ["A"]},
            "00101010": {"Value": [[]]},
        },
    ]

    def answer(asked: Asked) -> Answer:
        return as_json(strange) if asked.path == "/series" and asked.param("offset") == "0" else Answer(status=204)

    result, server = scanned(inventory, answer)

    assert result.seen == 10
    assert result.unreadable == {"malformed": 3, "no identity": 5, "attributes not given": 2}
    assert len(inventory.series_frame()) == 2
    assert all(".." not in path for path in server.paths())


def test_no_identifier_is_stored_in_clear(tmp_path: Path, archive: PlainArchive, inventory: Inventory) -> None:
    scanned(inventory, archive.answer)

    stored = b"".join(path.read_bytes() for path in tmp_path.glob("inventory.sqlite*"))
    assert b"CANARY" not in stored
    assert pydicom.dcmread(archive.folder / "seg-1.dcm").SeriesInstanceUID.encode() not in stored


def test_series_are_named_for_a_person_at_the_site(archive: PlainArchive) -> None:
    uid = str(pydicom.dcmread(archive.folder / "MR_small.dcm").SeriesInstanceUID)
    key = SITE.pseudonyms.series(uid)

    with archive_at(archive) as server:
        assert source_at(server.url).identifiers([key]) == {key: f"series {uid} in {server.url}"}


def test_a_segmentation_object_is_named_with_its_series_and_a_series_with_its_patient(archive: PlainArchive) -> None:
    found = pydicom.dcmread(archive.folder / "seg-1.dcm", stop_before_pixels=True)
    item, series = SITE.pseudonyms.instance(found.SOPInstanceUID), SITE.pseudonyms.series(found.SeriesInstanceUID)

    with archive_at(archive) as server:
        source = source_at(server.url)
        named, patients = source.identifiers([item]), source.patient_ids([series])
    assert named == {item: f"object {found.SOPInstanceUID} of series {found.SeriesInstanceUID} in {server.url}"}
    assert patients == {series: "CANARY-1"}
    assert source.identifiers([item]) == source.patient_ids([series]) == {}  # nobody answers any more


def test_a_modality_is_no_list() -> None:
    with pytest.raises(ValidationError, match="tuple"):
        Settings(name="pacs", kind="dicomweb", url="https://pacs.example/dicom-web", modalities="CT")  # type: ignore[arg-type]
