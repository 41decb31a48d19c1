"""The local store: records by item, frames, and what happens to it when things go wrong."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from studyscope_exporter.inventory import (
    Inventory,
    InventoryDamaged,
    InventoryTooNew,
    UnknownNumber,
    WrongInventoryKey,
)
from studyscope_exporter.records import ImagingSeries, Job, Segmentation, StructureVolume

KEY = bytes(range(32))
DAY = dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.UTC)


def key(name: str) -> bytes:
    return name.ljust(16).encode()


def series(name: str, patient: str = "p", **fields: object) -> ImagingSeries:
    values: dict[str, object] = {
        "series_key": key(name), "study_key": key("study"), "patient_key": key(patient), "modality": "CT",
        "vendor": "siemens", "model_class": "other", "body_part": "chest", "sex": "F", "age_years": 54,
        "acquired_on": dt.date(2020, 2, 29), "slice_thickness_mm": 1.25, "field_strength_tesla": None,
        "identity_removed": "yes", "burned_in": "no", "synthetic": False,
    }  # fmt: skip
    return ImagingSeries(**{**values, **fields})  # type: ignore[arg-type]


def segmentation(name: str, *structures: tuple[str, float]) -> Segmentation:
    volumes = tuple(StructureVolume(*structure) for structure in structures)
    return Segmentation(key(name), key("p"), None, None, "nnunet", "2", "automatic", "", volumes)


def job(name: str, outcome: str, hour: int, finished: int | None = None) -> Job:
    begin = dt.datetime(2026, 1, 1, hour, tzinfo=dt.UTC)
    end = None if finished is None else begin.replace(hour=finished)
    return Job(key(name), None, "w", "m", "1", outcome, "none", begin, begin, end)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=KEY, now=lambda: DAY) as opened:
        yield opened


def test_a_series_comes_back_as_it_was_put(inventory: Inventory) -> None:
    inventory.put("pacs", key("1"), [series("s", field_strength_tesla=None)], instances=40)
    (row,) = inventory.series_frame().to_dict("records")
    assert row["series_key"] == key("s")
    assert row["acquired_on"] == dt.date(2020, 2, 29)
    assert (row["age_years"], row["slice_thickness_mm"], row["synthetic"]) == (54, 1.25, False)
    assert row["field_strength_tesla"] != row["field_strength_tesla"]
    assert (row["source"], row["first_seen"], row["instances"]) == ("pacs", dt.date(2026, 3, 1), 40)


def test_empty_frames_have_their_columns(inventory: Inventory) -> None:
    assert list(inventory.series_frame().columns)[-3:] == ["source", "first_seen", "instances"]
    assert inventory.segmentations_frame().columns[0] == "segmentation_key"
    assert list(inventory.structures_frame().columns) == ["segmentation_key", "structure", "volume_ml", "lesions"]
    assert inventory.jobs_frame().columns[0] == "job_key"
    assert len(inventory.jobs_frame()) == 0


def test_what_an_item_holds_is_replaced_as_a_whole(inventory: Inventory) -> None:
    first = inventory.put("nifti", key("a"), [segmentation("x", ("liver", 1400.0), ("spleen", 0.0))])
    again = inventory.put("nifti", key("a"), [segmentation("x", ("liver", 1401.0))])
    assert first == again
    assert inventory.structures_frame()[["structure", "volume_ml"]].to_numpy().tolist() == [["liver", 1401.0]]
    assert inventory.remove("nifti", key("a"))
    assert not inventory.remove("nifti", key("a"))
    assert len(inventory.structures_frame()) == len(inventory.segmentations_frame()) == 0


def test_a_series_lives_while_one_of_its_items_does(inventory: Inventory) -> None:
    for item in ("1", "2"):
        inventory.put("pacs", key(item), [series("s")])
    inventory.remove("pacs", key("1"))
    assert len(inventory.series_frame()) == 1
    inventory.remove("pacs", key("2"))
    assert len(inventory.series_frame()) == 0


def test_the_item_that_described_a_series_goes_on_describing_it(inventory: Inventory) -> None:
    inventory.put("pacs", key("1"), [series("s", "wrong")])
    inventory.put("pacs", key("2"), [series("s", "other")])
    assert list(inventory.series_frame()["patient_key"]) == [key("wrong")]
    inventory.put("pacs", key("1"), [series("s", "right")])
    assert list(inventory.series_frame()["patient_key"]) == [key("right")]


def test_a_series_in_two_sources_is_one_row(inventory: Inventory) -> None:
    inventory.put("pacs", key("1"), [series("s")])
    inventory.put("disk", key("1"), [series("s")])
    assert list(inventory.series_frame()["source"]) == ["pacs"]
    inventory.forget("pacs")
    assert list(inventory.series_frame()["source"]) == ["disk"]
    assert inventory.sources() == {"disk"}


def test_of_a_job_in_two_logs_the_later_state_counts(inventory: Inventory) -> None:
    inventory.put("log", key("new"), [job("j", "succeeded", 8, 9)])
    inventory.put("log", key("old"), [job("j", "running", 8)])
    (row,) = inventory.jobs_frame().to_dict("records")
    assert row["outcome"] == "succeeded"
    assert row["finished_at"] == dt.datetime(2026, 1, 1, 9, tzinfo=dt.UTC)
    assert inventory.unlinked("log") == 2


def test_a_failed_batch_leaves_nothing(inventory: Inventory) -> None:
    def put_and_fail() -> None:
        with inventory.batch():
            inventory.put("pacs", key("1"), [series("s")])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put_and_fail()
    assert inventory.sources() == frozenset()
    inventory.put("pacs", key("1"), [series("s")])
    assert len(inventory.series_frame()) == 1


def test_two_series_in_one_item_are_refused(inventory: Inventory) -> None:
    with pytest.raises(ValueError, match="one series"):
        inventory.put("pacs", key("1"), [series("s"), series("t")])


def test_an_unknown_number_is_said_to_be_unknown(inventory: Inventory) -> None:
    number = inventory.put("pacs", key("1"), [series("s")])
    for wrong in (number, 99):
        with pytest.raises(UnknownNumber, match=f"#{wrong}"):
            inventory.resolve(wrong)


def test_only_the_site_s_user_may_read_the_file(inventory: Inventory, tmp_path: Path) -> None:
    inventory.put("pacs", key("1"), [series("s")])
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_another_key_is_refused(tmp_path: Path) -> None:
    Inventory.open(tmp_path / "i", key=KEY).close()
    with pytest.raises(WrongInventoryKey, match="keys back"):
        Inventory.open(tmp_path / "i", key=bytes(32))


def test_a_newer_schema_is_refused_and_an_older_one_begun_anew(tmp_path: Path) -> None:
    with Inventory.open(tmp_path / "i", key=KEY) as inventory:
        inventory.put("pacs", key("1"), [series("s")])
    db = sqlite3.connect(tmp_path / "i")
    (known,) = db.execute("PRAGMA user_version").fetchone()
    db.execute("PRAGMA user_version = 999")
    with pytest.raises(InventoryTooNew, match="999"):
        Inventory.open(tmp_path / "i", key=KEY)
    db.execute(f"PRAGMA user_version = {known - 1}")
    db.close()
    with Inventory.open(tmp_path / "i", key=KEY) as inventory:
        assert len(inventory.series_frame()) == 0


@pytest.mark.parametrize(
    "content", [b"This is no database at all, but a letter. " * 30, b"SQLite format 3\0" + bytes(range(250)) * 20]
)
def test_what_is_no_inventory_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "i").write_bytes(content)
    with pytest.raises(InventoryDamaged, match="Delete it"):
        Inventory.open(tmp_path / "i", key=KEY)
    assert (tmp_path / "i").read_bytes() == content


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "i")
    db.execute("CREATE TABLE theirs (a)")
    db.close()
    with pytest.raises(InventoryDamaged, match="something else"):
        Inventory.open(tmp_path / "i", key=KEY)


KILLED = """
import sys
from pathlib import Path
from studyscope_exporter.inventory import Inventory, Reading
from studyscope_exporter.inventory.file_scan import FileScan
from studyscope_exporter.records import Job
from studyscope_exporter.sources.source import NoProgress

def read(paths):
    print(len(paths), flush=True)
    keys = [Path(path).name.rjust(16, "0").encode() for path in paths]
    return [Reading((Job(key, None, "w", "m", "1", "succeeded", "none", None, None, None),)) for key in keys]

with Inventory.open(Path(sys.argv[1]), key=bytes(range(32))) as inventory:
    FileScan(inventory, "log", Path(sys.argv[2]), read, b"1", files_per_call=20, seconds_per_commit=0.01).run(NoProgress())
print("done", flush=True)
"""


def test_a_kill_at_any_moment_loses_nothing_that_the_next_pass_does_not_bring(tmp_path: Path) -> None:
    for number in range(600):
        path = tmp_path / "tree" / str(number // 60) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    command = [sys.executable, "-c", KILLED, str(tmp_path / "i"), str(tmp_path / "tree")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for calls in (1, 7, 3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as scanning:
            assert scanning.stdout is not None
            for _ in range(calls):
                scanning.stdout.readline()
            scanning.send_signal(signal.SIGKILL)
        db = sqlite3.connect(tmp_path / "i")
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
    done = subprocess.run(command, capture_output=True, env=environment, text=True, check=True)
    assert done.stdout.endswith("done\n")
    with Inventory.open(tmp_path / "i", key=KEY) as inventory:
        assert len(inventory.jobs_frame()) == 600
