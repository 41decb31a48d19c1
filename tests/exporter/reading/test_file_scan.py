"""The incremental pass over folders, with a reader that records what it was asked to read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from studyscope_exporter.inventory import Inventory, Reading
from studyscope_exporter.inventory.file_scan import FileScan
from studyscope_exporter.records import Job
from studyscope_exporter.sources.source import NoProgress, ScanResult, SourceUnavailable

KEY = bytes(range(32))


@dataclass
class Reader:
    """A file's text names its job; `bad` and `forbidden` are files that cannot be read."""

    calls: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, paths: tuple[str, ...]) -> list[Reading]:
        self.calls.append(tuple(Path(path).name for path in paths))
        return [self._one(Path(path)) for path in paths]

    def _one(self, path: Path) -> Reading:
        text = path.read_text()
        if text == "bad":
            return Reading(unreadable="malformed")
        if text == "forbidden":
            return Reading(unreadable="no permission", retry=True)
        job = Job(text.ljust(16).encode(), None, "w", "m", "1", "succeeded", "none", None, None, None)
        return Reading(records=(job,))

    @property
    def read(self) -> list[str]:
        return sorted(name for call in self.calls for name in call)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=KEY) as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    for name in ("a/1", "a/2", "b/c/3", "b/4"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"job {name}")
    return folder


def scan(inventory: Inventory, root: Path, **settings: object) -> tuple[ScanResult, list[str]]:
    reader = Reader()
    settings = {"read": reader, "reads_as": b"1", **settings}
    result = FileScan(inventory, "archive", root, **settings).run(NoProgress())  # type: ignore[arg-type]
    return result, reader.read


def jobs(inventory: Inventory) -> set[str]:
    return {key.decode().strip() for key in inventory.jobs_frame()["job_key"]}


def test_the_first_pass_reads_everything_and_the_second_nothing(inventory: Inventory, root: Path) -> None:
    first, read = scan(inventory, root)
    assert (first.seen, first.read, read) == (4, 4, ["1", "2", "3", "4"])
    second, read = scan(inventory, root)
    assert (second.seen, second.read, read) == (4, 0, [])
    assert jobs(inventory) == {"job a/1", "job a/2", "job b/c/3", "job b/4"}


def test_only_a_changed_file_is_read_again(inventory: Inventory, root: Path) -> None:
    scan(inventory, root)
    (root / "a/1").write_text("job of another kind")
    _, read = scan(inventory, root)
    assert read == ["1"]
    assert jobs(inventory) == {"job of another kind", "job a/2", "job b/c/3", "job b/4"}


def test_a_rewrite_of_the_same_size_is_noticed(inventory: Inventory, root: Path) -> None:
    scan(inventory, root)
    before = (root / "a/1").stat()
    (root / "a/1").write_text("job a/9")
    os.utime(root / "a/1", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    _, read = scan(inventory, root)
    assert read == ["1"]
    assert "job a/9" in jobs(inventory)
    assert "job a/1" not in jobs(inventory)


def test_deleted_files_and_folders_leave(inventory: Inventory, root: Path) -> None:
    scan(inventory, root)
    (root / "a/1").unlink()
    (root / "b/c/3").unlink()
    (root / "b/c").rmdir()
    result, read = scan(inventory, root)
    assert (result.removed, read) == (2, [])
    assert jobs(inventory) == {"job a/2", "job b/4"}


def test_a_moved_folder_keeps_the_day_it_was_first_seen(tmp_path: Path, root: Path) -> None:
    import datetime as dt

    day = [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)]
    with Inventory.open(tmp_path / "i.sqlite", key=KEY, now=lambda: day[0]) as inventory:
        scan(inventory, root)
        day[0] += dt.timedelta(days=3)
        (root / "a").rename(root / "z")
        scan(inventory, root)
        assert set(inventory.jobs_frame()["first_seen"]) == {dt.date(2026, 1, 1)}
        assert len(jobs(inventory)) == 4


def test_everything_is_read_anew_when_the_way_of_reading_changed(inventory: Inventory, root: Path) -> None:
    scan(inventory, root)
    _, read = scan(inventory, root, reads_as=b"2")
    assert read == ["1", "2", "3", "4"]
    assert len(jobs(inventory)) == 4
    _, read = scan(inventory, root, reads_as=b"2")
    assert read == []


def test_a_root_that_is_missing_or_suddenly_empty_removes_nothing(inventory: Inventory, root: Path) -> None:
    scan(inventory, root)
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(SourceUnavailable, match="mounted"):
        scan(inventory, root)
    root.mkdir()
    with pytest.raises(SourceUnavailable, match="4"):
        scan(inventory, root)
    (root / "a").mkdir()
    with pytest.raises(SourceUnavailable):
        scan(inventory, root)
    assert len(jobs(inventory)) == 4
    root.joinpath("a").rmdir()
    root.rmdir()
    root.with_name("elsewhere").rename(root)
    _, read = scan(inventory, root)
    assert read == []


def test_a_source_that_never_had_a_file_is_simply_empty(inventory: Inventory, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    result, _ = scan(inventory, tmp_path / "new")
    assert result.seen == 0


def test_unreadable_files_are_counted_in_every_pass_and_only_passing_reasons_are_tried_again(
    inventory: Inventory, root: Path
) -> None:
    (root / "a/1").write_text("bad")
    (root / "a/2").write_text("forbidden")
    first, _ = scan(inventory, root)
    assert first.unreadable == {"malformed": 1, "no permission": 1}
    second, read = scan(inventory, root)
    assert read == ["2"]
    assert second.unreadable == {"malformed": 1, "no permission": 1}


def test_a_folder_that_cannot_be_listed_keeps_what_it_had(
    inventory: Inventory, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan(inventory, root)
    real = os.scandir

    def forbidding(path: bytes) -> object:
        if os.fsdecode(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    # The suite may run as root, whom no permission stops.
    monkeypatch.setattr(os, "scandir", forbidding)
    (root / "a/1").unlink()
    result, _ = scan(inventory, root)
    assert result.unreadable == {"folder: no permission": 1}
    assert jobs(inventory) == {"job a/2", "job b/c/3", "job b/4"}


def test_links_are_left_out_and_followed_only_on_request_and_never_in_a_circle(inventory: Inventory, root: Path) -> None:
    (root / "a/loop").symlink_to(root)
    (root / "a/self").symlink_to(root / "a/self")
    (root / "b/link").symlink_to(root / "a/1")
    result, _ = scan(inventory, root)
    assert result.seen == 4
    result, _ = scan(inventory, root, follow_links=True)
    assert result.seen == 5


def test_pipes_are_never_opened(inventory: Inventory, root: Path) -> None:
    os.mkfifo(root / "a/pipe")
    result, _ = scan(inventory, root)
    assert result.seen == 4


def test_our_own_folder_in_the_tree_is_left_out(inventory: Inventory, root: Path) -> None:
    result, _ = scan(inventory, root, skip=[root / "b"])
    assert result.seen == 2


def test_names_that_are_no_text_are_read_and_found_again(inventory: Inventory, root: Path) -> None:
    name = os.fsdecode(b"M\xfcller")
    (root / name).mkdir()
    (root / name / "x").write_text("job x")
    scan(inventory, root)
    (number,) = [n for n in range(1, 6) if inventory.resolve(n).parent.name == name]
    assert inventory.resolve(number) == root / name / "x"


def test_with_whole_folders_a_change_reads_its_neighbours_too(inventory: Inventory, root: Path) -> None:
    scan(inventory, root, whole_folders=True)
    (root / "a/1").write_text("job new")
    _, read = scan(inventory, root, whole_folders=True)
    assert read == ["1", "2"]
    (root / "a/1").unlink()
    _, read = scan(inventory, root, whole_folders=True)
    assert read == ["2"]


def test_an_executor_reads_in_calls_of_the_given_size(inventory: Inventory, root: Path) -> None:
    reader = Reader()
    with ThreadPoolExecutor(2) as executor:
        result, _ = scan(inventory, root, read=reader, executor=executor, files_per_call=3, calls_ahead=1)
    assert result.read == 4
    assert sorted(map(len, reader.calls)) == [1, 3]
    assert len(jobs(inventory)) == 4


def test_an_interrupted_pass_keeps_what_it_read_and_the_next_one_reads_the_rest(inventory: Inventory, root: Path) -> None:
    reader = Reader()

    def interrupted(paths: tuple[str, ...]) -> list[Reading]:
        if len(reader.calls) == 2:
            raise KeyboardInterrupt
        return reader(paths)

    with pytest.raises(KeyboardInterrupt):
        scan(inventory, root, read=interrupted, files_per_call=1, seconds_per_commit=0.0)
    _, read = scan(inventory, root)
    assert read
    assert len(read) < 4
    assert len(jobs(inventory)) == 4


def test_no_path_is_readable_in_any_file_of_the_inventory(inventory: Inventory, root: Path, tmp_path: Path) -> None:
    (root / "MUSTERMANN_ERIKA").mkdir()
    (root / "MUSTERMANN_ERIKA" / "GEHEIM_1970").write_text("job s")
    scan(inventory, root)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("inventory.sqlite*"))
    assert len(stored) > 10_000
    for secret in (b"MUSTERMANN", b"GEHEIM", b"archive/", os.fsencode(root)):
        assert secret not in stored
