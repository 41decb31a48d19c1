"""Jobs from a log of JSON lines: outcomes, retries, rotation, bad lines, late links."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from studyscope_contract.vocabulary import FAILURE_REASONS, JOB_OUTCOMES
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.job_words import OUTCOMES, REASONS, failure_reason
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import ImagingSeries
from studyscope_exporter.sources.jobs import JobsSource, Settings, open_source
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import NoProgress, ScanResult, SourceUnavailable

PSEUDONYMS = Pseudonyms(b"s" * 32)


def now() -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32, now=now) as opened:
        yield opened


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.jsonl"
    path.touch()
    return path


def source(log: Path, **settings: Any) -> JobsSource:
    return open_source(Settings(name="inference", kind="jobs", path=log, **settings), SiteContext(PSEUDONYMS, now))


def event(**said: Any) -> str:
    return json.dumps({"id": "1", "workflow": "seg", "state": "success", "patient": "P1"} | said) + "\n"


def append(log: Path, *lines: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.writelines(lines)


def scanned(log: Path, inventory: Inventory, **settings: Any) -> ScanResult:
    return source(log, **settings).scan(inventory, NoProgress())


def jobs(inventory: Inventory) -> list[dict[str, Any]]:
    frame: Any = inventory.jobs_frame()
    return list(frame.to_dict("records"))


def series_of(patient: str, series: str, study: str = "1.2") -> ImagingSeries:
    return ImagingSeries(
        series_key=PSEUDONYMS.series(series),
        study_key=PSEUDONYMS.study(study),
        patient_key=PSEUDONYMS.patient(patient),
        modality="CT",
        vendor="other",
        model_class="other",
        body_part="other",
        sex="F",
        age_years=None,
        acquired_on=None,
        slice_thickness_mm=None,
        field_strength_tesla=None,
        identity_removed="no",
        burned_in="no",
        synthetic=False,
    )


def test_events_of_one_run_add_up_to_one_job(log: Path, inventory: Inventory) -> None:
    append(log, event(state="queued", model="nnU-Net", version="2.1", queued_at="2025-03-01T10:00:00Z"))
    append(log, event(state="RUNNING", patient=None, started_at=1740823260))
    append(log, event(state="Success", patient=None, finished_at="2025-03-01T12:05:00+01:00"))

    result = scanned(log, inventory)

    (job,) = jobs(inventory)
    assert (job["patient_key"], job["workflow"]) == (PSEUDONYMS.patient("P1"), "seg")
    assert (job["model"], job["model_version"], job["outcome"], job["failure_reason"]) == ("nnU-Net", "2.1", "succeeded", "none")
    assert job["queued_at"] == dt.datetime(2025, 3, 1, 10, 0, tzinfo=dt.UTC)
    assert job["started_at"] == dt.datetime(2025, 3, 1, 10, 1, tzinfo=dt.UTC)
    assert job["finished_at"] == dt.datetime(2025, 3, 1, 11, 5, tzinfo=dt.UTC)
    assert (result.seen, result.unlinked, result.unreadable) == (3, 0, {})


def test_a_retry_of_a_failed_run_is_the_same_job_and_runs_again(log: Path, inventory: Inventory) -> None:
    append(log, event(state="failed", reason="CUDA out of memory", started_at=1000000000, finished_at=1000000100))
    append(log, event(state="running", started_at=1000000200))

    scanned(log, inventory)

    (job,) = jobs(inventory)
    assert (job["outcome"], job["failure_reason"]) == ("running", "none")
    assert job["started_at"].timestamp() == 1000000200
    assert str(job["finished_at"]) == "NaT"


def test_a_second_run_on_the_same_input_is_the_same_job_and_the_last_counts(log: Path, inventory: Inventory) -> None:
    append(log, event(id="1", state="failed", finished_at=1000000000, series="1.2.3"))
    append(log, event(id="2", state="success", finished_at=1000000500, series="1.2.3"))
    append(log, event(id="3", state="failed", finished_at=1000000900, series="1.2.4"))
    append(log, event(id="4", state="failed", finished_at=1000000900, series="1.2.3", workflow="other"))

    scanned(log, inventory)

    assert sorted((job["workflow"], job["outcome"]) for job in jobs(inventory)) == [
        ("other", "failed"),
        ("seg", "failed"),
        ("seg", "succeeded"),
    ]


def test_only_what_was_appended_is_read_and_an_unfinished_line_waits(log: Path, inventory: Inventory) -> None:
    whole = event(id="2", patient="P2")
    append(log, event(), whole[:20])
    assert scanned(log, inventory).read == 1

    append(log, whole[20:])
    second = scanned(log, inventory)
    third = scanned(log, inventory)

    assert (second.read, third.read) == (1, 0)
    assert len(jobs(inventory)) == 2
    assert second.unreadable == {}


def test_a_log_that_was_rotated_is_read_to_its_end_and_then_the_new_one(log: Path, inventory: Inventory) -> None:
    append(log, event(id="1", state="running", started_at=1000000000))
    scanned(log, inventory)
    append(log, event(id="1", state="success", finished_at=1000000100), event(id="2", patient="P2"))
    log.rename(log.with_name("jobs.jsonl.1"))
    append(log, event(id="3", patient="P3"))

    result = scanned(log, inventory)

    assert result.read == 3
    assert [job["outcome"] for job in jobs(inventory)] == ["succeeded"] * 3
    assert scanned(log, inventory).read == 0


def test_a_log_that_was_truncated_is_read_from_its_beginning_and_its_jobs_stay(log: Path, inventory: Inventory) -> None:
    append(log, event(id="1", patient="P1"), event(id="2", patient="P2"))
    scanned(log, inventory)
    log.write_text(event(id="3", patient="P3"))

    assert scanned(log, inventory).read == 1
    assert len(jobs(inventory)) == 3


def test_bad_lines_are_counted_by_reason_and_stop_nothing(log: Path, inventory: Inventory) -> None:
    with log.open("wb") as file:
        file.write(b'{"id": "1", "workflow": "seg", "state": "success", "score": NaN}\n')
        file.write(b'{"id": "J\xf6rg", "workflow": "seg", "state": "success"}\n')
        file.write(b"[" * 100_000 + b"\n")
        file.write(b'["a list"]\n')
        file.write(b'{"workflow": "seg", "state": "success"}\n')
        file.write(b'{"id": "1", "workflow": "seg", "state": "levitating"}\n')
        file.write(b'{"id": "1", "workflow": "seg"}\n')
        file.write(b'{"id": "1", "state": "success"}\n')
        file.write(b'{"id": "1", "workflow": "seg", "state": "success", "finished_at": "yesterday"}\n')
        file.write(b'{"id": "1", "workflow": "seg", "state": "success", "finished_at": 1e300}\n')
        file.write(b'{"id": "' + b"x" * 3_000_000 + b'"}\n')
        file.write(b"\r\n\n")
        file.write(event(id="last").encode())

    result = scanned(log, inventory)

    assert result.unreadable == {
        "not JSON": 2,
        "not UTF-8": 1,
        "not an object": 1,
        "no id": 1,
        "unknown state": 1,
        "no state": 1,
        "no workflow": 1,
        "bad time": 2,
        "too long": 1,
    }
    assert len(jobs(inventory)) == 1
    assert scanned(log, inventory).unreadable == result.unreadable


def test_a_job_without_an_input_is_not_linked(log: Path, inventory: Inventory) -> None:
    append(log, event(patient=None))

    assert scanned(log, inventory).unlinked == 1
    assert jobs(inventory)[0]["patient_key"] is None


def test_a_job_on_a_series_is_linked_once_the_series_is_known(log: Path, inventory: Inventory) -> None:
    append(log, event(patient=None, series="1.2.3"), event(id="2", patient=None, study="1.7"))
    assert scanned(log, inventory).unlinked == 2
    inventory.put("images", b"i" * 16, [series_of("P7", "1.2.3")])
    inventory.put("images", b"j" * 16, [series_of("P8", "1.2.4", study="1.7")])

    assert scanned(log, inventory).unlinked == 0
    assert [job["patient_key"] for job in jobs(inventory)] == [PSEUDONYMS.patient("P7"), PSEUDONYMS.patient("P8")]


def test_fields_words_and_links_are_settings(log: Path, inventory: Inventory) -> None:
    append(log, json.dumps({"run": {"no": 7, "st": "Kaputt!"}, "why": "Strom weg", "conf": {"uid": "1.7"}}) + "\n")
    inventory.put("images", b"j" * 16, [series_of("P8", "1.2.4", study="1.7")])

    scanned(
        log,
        inventory,
        fields={"id": "run.no", "state": "run.st", "reason": "why"},
        workflow="seg",
        outcomes={"kaputt": "failed"},
        reasons={"Strom weg": "infrastructure"},
        link={"by": "field", "field": "conf.uid", "identifies": "StudyInstanceUID"},
    )

    (job,) = jobs(inventory)
    assert (job["outcome"], job["failure_reason"]) == ("failed", "infrastructure")
    assert job["patient_key"] == PSEUDONYMS.patient("P8")


def test_other_settings_read_the_log_anew(log: Path, inventory: Inventory) -> None:
    append(log, event(state="levitating"))
    assert scanned(log, inventory).unreadable == {"unknown state": 1}

    result = scanned(log, inventory, outcomes={"levitating": "running"})

    assert (result.read, result.unreadable) == (1, {})
    assert jobs(inventory)[0]["outcome"] == "running"


def test_an_interrupted_pass_goes_on_where_it_was(log: Path, inventory: Inventory) -> None:
    append(log, *(event(id=str(number), patient=f"P{number}") for number in range(4500)))

    class Interrupting(NoProgress):
        def advance(self, items: int = 1) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        source(log).scan(inventory, Interrupting())

    assert len(jobs(inventory)) == 2000
    assert scanned(log, inventory).read == 2500
    assert len(jobs(inventory)) == 4500


def test_a_log_that_is_missing_is_a_source_that_is_down_and_removes_nothing(log: Path, inventory: Inventory) -> None:
    append(log, event())
    scanned(log, inventory)
    log.unlink()

    with pytest.raises(SourceUnavailable) as caught:
        scanned(log, inventory)

    assert caught.value.temporary
    assert len(jobs(inventory)) == 1
    assert not source(log).check()[0].ok


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB", "out_of_memory"),
        ("Task exited with exit code 137", "out_of_memory"),
        ("OOMKilled", "out_of_memory"),
        ("slurmstepd: JOB CANCELLED DUE TO TIME LIMIT", "out_of_time"),
        ("requests.exceptions.ConnectionError: HTTPConnectionPool", "other"),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/data/x'", "missing_input"),
        ("OSError: [Errno 28] No space left on device", "infrastructure"),
        ("ValueError: shape mismatch: (3,4) and (3,5)", "bad_input"),
        ("RuntimeError: expected scalar type Half", "model_error"),
        ("out_of_time", "out_of_time"),
        ("model_error", "model_error"),
        ("the room was full", "other"),
        ("", "other"),
    ],
)
def test_common_texts_have_a_reason(text: str, reason: str) -> None:
    assert failure_reason(text) == reason


def test_every_word_stands_for_a_code_of_the_contract() -> None:
    assert set(OUTCOMES.values()) < set(JOB_OUTCOMES)
    assert set(REASONS) < set(FAILURE_REASONS)


def test_a_code_that_is_none_is_refused_with_what_is_allowed(log: Path) -> None:
    with pytest.raises(ValidationError, match="unknown code 'fine'; allowed: succeeded, failed, cancelled, running"):
        source(log, outcomes={"good": "fine"})


def test_a_record_holds_no_identifier_in_clear(log: Path, inventory: Inventory, tmp_path: Path) -> None:
    append(log, event(id="SECRET-RUN", patient="SECRET-PATIENT", series="9.9.9.9"))
    scanned(log, inventory)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("inventory.sqlite*"))

    assert b"SECRET" not in stored
    assert b"9.9.9.9" not in stored


def test_a_job_comes_back_as_it_was_put(inventory: Inventory, log: Path) -> None:
    append(log, event(state="failed", reason="timeout", queued_at="2025-01-01T00:00:00.25Z"))
    scanned(log, inventory)
    run = PSEUDONYMS.job("inference", "seg", "1")

    (job,) = inventory.jobs("inference", run)

    assert job is not None
    assert job == replace(job, queued_at=dt.datetime(2025, 1, 1, 0, 0, 0, 250_000, tzinfo=dt.UTC), failure_reason="out_of_time")
    assert inventory.jobs("inference", b"0" * 16) == []
