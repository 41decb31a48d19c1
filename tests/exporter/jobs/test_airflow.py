"""Runs of an Airflow, from answers of real servers of both versions, and from faulty ones."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_server import PASSWORD, USER, Airflow, a_run, airflow_at, write_runs
from local_server import Answer, Asked, LocalServer, as_json, served
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import ImagingSeries
from studyscope_exporter.servers.server import Patience
from studyscope_exporter.sources.airflow import AirflowSource, Settings
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import NoProgress, ScanResult, SourceUnavailable

DATA = Path(__file__).parent / "data"
PSEUDONYMS = Pseudonyms(b"s" * 32)
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
DAG = {"seg": {"workflow": "liver-seg", "model": "nnU-Net", "version": "2.1"}}


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32, now=lambda: NOW) as opened:
        yield opened


@contextmanager
def a_source(airflow: Airflow, **settings: Any) -> Iterator[tuple[AirflowSource, LocalServer]]:
    with airflow_at(airflow) as server:
        yield source_at(server, **settings), server


def source_at(server: LocalServer, **settings: Any) -> AirflowSource:
    waits: list[float] = []
    chosen = Settings(name="workflows", kind="airflow", url=server.url, **{"tries": 2} | settings)
    return AirflowSource(chosen, SiteContext(PSEUDONYMS, lambda: NOW), Patience(waits.append, random.Random(1)))


def scanned(inventory: Inventory, airflow: Airflow, **settings: Any) -> ScanResult:
    with a_source(airflow, **settings) as (source, _):
        return source.scan(inventory, NoProgress())


def jobs(inventory: Inventory) -> list[dict[str, Any]]:
    frame: Any = inventory.jobs_frame()
    return list(frame.sort_values(["started_at", "job_key"]).to_dict("records"))


def secret(tmp_path: Path, text: str = PASSWORD) -> dict[str, str]:
    path = tmp_path / "secret"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return {"file": str(path)}


def recorded(folder: Path, version: str) -> Path:
    folder.mkdir()
    (folder / "dagRuns.json").write_text((DATA / f"airflow-{version}-dagRuns.json").read_text())
    tasks = json.loads((DATA / "airflow-3.3.2-taskInstances.json").read_text())["task_instances"]
    (folder / "tasks.json").write_text(json.dumps({tasks[0]["dag_run_id"]: tasks}))
    return folder


def test_what_airflow_3_says_becomes_jobs(tmp_path: Path, inventory: Inventory) -> None:
    airflow = Airflow(recorded(tmp_path / "answers", "3.3.2"))

    result = scanned(inventory, airflow, link={"by": "field", "field": "conf.site"})

    good, bad = jobs(inventory)
    assert (good["outcome"], good["failure_reason"], good["workflow"]) == ("succeeded", "none", "seg_inference")
    assert good["queued_at"] == utc("2026-11-20T18:39:02.936145Z")
    assert good["started_at"] == utc("2026-11-20T18:39:03.368948Z")
    assert good["finished_at"] == utc("2026-11-20T18:39:10.287853Z")
    assert good["patient_key"] == PSEUDONYMS.patient("A")
    assert (bad["outcome"], bad["failure_reason"]) == ("failed", "other")
    assert (result.seen, result.read, result.unlinked, result.unreadable) == (2, 2, 0, {})


def test_what_airflow_2_says_becomes_the_same_jobs(tmp_path: Path, inventory: Inventory) -> None:
    airflow = Airflow(recorded(tmp_path / "answers", "2.11.2"), version=1)

    scanned(inventory, airflow, link={"by": "field", "field": "conf.site"})

    good, bad = jobs(inventory)
    assert (good["outcome"], bad["outcome"]) == ("succeeded", "failed")
    # Without queued_at: the moment somebody triggered the run.
    assert good["queued_at"] == utc("2026-11-20T18:42:47.503742Z")
    assert good["finished_at"] == utc("2026-11-20T18:42:52.430737Z")


def test_the_wait_of_a_planned_run_of_airflow_2_is_not_guessed(tmp_path: Path, inventory: Inventory) -> None:
    run = a_run("1", run_type="scheduled", logical_date="2026-04-30T00:00:00Z")
    del run["queued_at"]
    write_runs(tmp_path / "answers", run)

    scanned(inventory, Airflow(tmp_path / "answers", version=1))

    assert str(jobs(inventory)[0]["queued_at"]) == "NaT"


def test_the_task_that_failed_says_why_by_the_sites_rules(tmp_path: Path, inventory: Inventory) -> None:
    airflow = Airflow(recorded(tmp_path / "answers", "3.3.2"))

    scanned(inventory, airflow, reasons=[{"task": "convert*", "reason": "bad_input"}, {"task": "infer", "reason": "model_error"}])

    assert [job["failure_reason"] for job in jobs(inventory)] == ["none", "model_error"]


@pytest.mark.parametrize(
    ("tasks", "note", "reason"),
    [
        ([{"task_id": "infer", "state": "failed", "note": "CUDA out of memory on case 7"}], None, "out_of_memory"),
        ([{"task_id": "infer", "state": "failed", "note": None}], "no GPU in the node", "infrastructure"),
        ([{"task_id": "infer", "state": "failed", "note": "wrong contrast phase"}], None, "bad_input"),
        ([{"task_id": "a", "state": "success"}, {"task_id": "infer", "state": "skipped"}], None, "out_of_time"),
        ([{"task_id": "infer", "state": "failed"}], None, "other"),
        ([], None, "other"),
        (["nonsense", {"state": 7}], None, "other"),
    ],
)
def test_reasons_of_failed_runs(tmp_path: Path, inventory: Inventory, tasks: list[Any], note: str | None, reason: str) -> None:
    write_runs(tmp_path / "answers", a_run("1", state="failed", note=note), tasks={"1": tasks})

    scanned(inventory, Airflow(tmp_path / "answers"), reasons=[{"note": "wrong contrast phase", "reason": "bad_input"}])

    assert jobs(inventory)[0]["failure_reason"] == reason


def test_runs_on_the_same_input_are_one_job_and_the_last_counts(tmp_path: Path, inventory: Inventory) -> None:
    first = a_run("1", state="failed", conf={"series": "1.2.3"})
    again = a_run("2", conf={"series": "1.2.3"}, start_date="2026-05-02T10:00:00Z", end_date="2026-05-02T10:05:00Z")
    write_runs(tmp_path / "answers", first, again)

    scanned(
        inventory,
        Airflow(tmp_path / "answers"),
        dags=DAG,
        link={"by": "field", "field": "conf.series", "identifies": "SeriesInstanceUID"},
    )

    (job,) = jobs(inventory)
    assert (job["outcome"], job["workflow"], job["model"], job["model_version"]) == ("succeeded", "liver-seg", "nnU-Net", "2.1")


def test_a_run_on_several_inputs_is_a_job_for_each(tmp_path: Path, inventory: Inventory) -> None:
    write_runs(tmp_path / "answers", a_run("1", conf={"data_form": {"identifiers": ["A", "B", "A", "", 5.5]}}))

    scanned(inventory, Airflow(tmp_path / "answers"), link={"by": "field", "field": "conf.data_form.identifiers"})

    assert {job["patient_key"] for job in jobs(inventory)} == {PSEUDONYMS.patient("A"), PSEUDONYMS.patient("B")}


def test_every_page_is_read_even_where_the_server_gives_smaller_ones(tmp_path: Path, inventory: Inventory) -> None:
    write_runs(tmp_path / "answers", *(a_run(f"run {number}/ä") for number in range(250)))

    with a_source(Airflow(tmp_path / "answers", page_limit=40)) as (source, server):
        result = source.scan(inventory, NoProgress())

    assert (result.seen, len(jobs(inventory))) == (250, 250)
    assert server.paths().count("/api/v2/dags/~/dagRuns") == 7


def test_the_next_pass_asks_only_for_what_changed_since_with_an_overlap(tmp_path: Path, inventory: Inventory) -> None:
    write_runs(tmp_path / "answers", a_run("1"), a_run("2", state="running", end_date=None))
    airflow = Airflow(tmp_path / "answers")

    with a_source(airflow) as (source, server):
        source.scan(inventory, NoProgress())
        airflow.updated["1"] = "2020"
        write_runs(tmp_path / "answers", a_run("1"), a_run("2", state="failed"))
        result = source.scan(inventory, NoProgress())
        first, *_, last = [asked for asked in server.asked if asked.path.endswith("/dagRuns")]

    assert (result.seen, result.read) == (1, 1)
    assert [job["outcome"] for job in jobs(inventory)] == ["succeeded", "failed"]
    assert not first.param("updated_at_gte")
    since = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(last.param("updated_at_gte"))
    assert dt.timedelta(minutes=59) < since < dt.timedelta(minutes=62)


def test_tasks_of_a_failed_run_are_asked_for_once(tmp_path: Path, inventory: Inventory) -> None:
    write_runs(
        tmp_path / "answers", a_run("1", state="failed"), tasks={"1": [{"task_id": "x", "state": "failed", "note": "oom"}]}
    )

    with a_source(Airflow(tmp_path / "answers")) as (source, server):
        source.scan(inventory, NoProgress())
        source.scan(inventory, NoProgress())

    assert server.paths().count("/api/v2/dags/seg/dagRuns/1/taskInstances") == 1
    assert jobs(inventory)[0]["failure_reason"] == "out_of_memory"


def test_a_run_that_was_cleared_runs_again(tmp_path: Path, inventory: Inventory) -> None:
    write_runs(tmp_path / "answers", a_run("1", state="failed"))
    scanned(inventory, Airflow(tmp_path / "answers"))
    write_runs(tmp_path / "answers", a_run("1", state="running", end_date=None, start_date="2026-05-03T00:00:00Z"))

    with a_source(Airflow(tmp_path / "answers")) as (source, _):
        source.scan(inventory, NoProgress())

    (job,) = jobs(inventory)
    assert (job["outcome"], job["failure_reason"], str(job["finished_at"])) == ("running", "none", "NaT")


def test_runs_that_cannot_be_read_are_counted_and_stop_nothing(tmp_path: Path, inventory: Inventory) -> None:
    strange = [
        a_run("2", state="exploded"),
        a_run("3", state=None),
        a_run("4", start_date="yesterday"),
        {"dag_id": "seg"},
        "no run",
    ]
    write_runs(tmp_path / "answers", a_run("1"), *strange)  # type: ignore[arg-type]

    result = scanned(inventory, Airflow(tmp_path / "answers"))

    assert result.unreadable == {"unknown state": 1, "no state": 1, "bad time": 1, "no id": 1, "not an object": 1}
    assert len(jobs(inventory)) == 1


def test_a_run_is_linked_as_soon_as_the_inventory_knows_its_series(tmp_path: Path, inventory: Inventory) -> None:
    write_runs(tmp_path / "answers", a_run("1", conf={"series": "1.2.3"}))
    airflow = Airflow(tmp_path / "answers")
    airflow.updated["1"] = "2020"

    with a_source(airflow, link={"by": "field", "field": "conf.series", "identifies": "SeriesInstanceUID"}) as (source, _):
        before = source.scan(inventory, NoProgress())
        codes = dict.fromkeys(("modality", "vendor", "model_class", "body_part", "identity_removed", "burned_in"), "other")
        numbers = dict.fromkeys(("age_years", "acquired_on", "slice_thickness_mm", "field_strength_tesla"))
        series = ImagingSeries(
            series_key=PSEUDONYMS.series("1.2.3"),
            study_key=b"t" * 16,
            patient_key=b"p" * 16,
            sex="F",
            synthetic=False,
            **codes,
            **numbers,  # type: ignore[arg-type]
        )
        inventory.put("archive", b"i" * 16, [series])
        after = source.scan(inventory, NoProgress())

    assert (before.unlinked, after.unlinked) == (1, 0)
    assert jobs(inventory)[0]["patient_key"] == b"p" * 16


@pytest.mark.parametrize(("by", "version"), [("login", 2), ("basic", 1)])
def test_logging_in_as_the_version_wants_it(tmp_path: Path, inventory: Inventory, by: str, version: int) -> None:
    write_runs(tmp_path / "answers", a_run("1"))
    login = {"by": by, "user": USER, "password": secret(tmp_path)}

    result = scanned(inventory, Airflow(tmp_path / "answers", version=version, needs_login=True), login=login)

    assert result.read == 1


def test_a_wrong_password_is_said_in_words_and_shown_nowhere(tmp_path: Path, inventory: Inventory) -> None:
    write_runs(tmp_path / "answers", a_run("1"))
    login = {"by": "login", "user": USER, "password": secret(tmp_path, "wrong-secret")}

    with a_source(Airflow(tmp_path / "answers", needs_login=True), login=login) as (source, _):
        (finding,) = source.check()
        with pytest.raises(SourceUnavailable, match="login is not accepted") as caught:
            source.scan(inventory, NoProgress())

    assert not finding.ok
    assert not caught.value.temporary
    assert "wrong-secret" not in repr(source) + finding.message + str(caught.value)


@pytest.mark.parametrize(
    ("login", "message"),
    [
        ({"by": "token", "token": {"environment": "STUDYSCOPE_NOT_SET"}}, "environment variable STUDYSCOPE_NOT_SET is not set"),
        ({"by": "token", "token": {"file": "/nowhere/token"}}, "/nowhere/token cannot be read"),
    ],
)
def test_a_missing_secret_is_asked_for(tmp_path: Path, login: dict[str, Any], message: str) -> None:
    with a_source(Airflow(tmp_path), login=login) as (source, _):
        assert message in source.check()[0].message


def test_a_secret_that_everybody_can_read_is_not_used(tmp_path: Path) -> None:
    kept = secret(tmp_path)
    Path(kept["file"]).chmod(0o644)

    with a_source(Airflow(tmp_path), login={"by": "token", "token": kept}) as (source, _):
        assert "chmod 640" in source.check()[0].message


def test_a_server_in_passing_trouble_is_asked_again(tmp_path: Path, inventory: Inventory) -> None:
    write_runs(tmp_path / "answers", a_run("1"))
    airflow, failures = Airflow(tmp_path / "answers"), [503, 500]

    def sometimes(asked: Asked) -> Answer:
        return as_json({}, failures.pop()) if failures else airflow.answer(asked)

    with served(sometimes) as server:
        result = source_at(server, tries=3).scan(inventory, NoProgress())

    assert result.read == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(b"<html>", 200), "not JSON"),
        (Answer(b"", 302, {"Location": "https://sso.example/login"}), "sends us elsewhere"),
        (as_json({"title": "something else"}), "not as Airflow does"),
        (as_json({}, 404), "not as Airflow does"),
        (Answer(b"{}", 200, length=5000), "cannot be reached"),
    ],
)
def test_a_server_that_is_no_airflow_is_told_from_one(inventory: Inventory, answer: Answer, message: str) -> None:
    with served(lambda _: answer) as server:
        (finding,) = source_at(server).check()

    assert not finding.ok
    assert message in finding.message


def test_pages_without_end_are_noticed(inventory: Inventory) -> None:
    page = as_json({"dag_runs": [a_run(str(number)) for number in range(100)], "total_entries": 10**9})

    with served(lambda _: page) as server, pytest.raises(SourceUnavailable, match="again and again"):
        source_at(server, api=2).scan(inventory, NoProgress())


def test_a_pass_that_was_cut_short_is_made_up_for(tmp_path: Path, inventory: Inventory) -> None:
    write_runs(tmp_path / "answers", *(a_run(str(number)) for number in range(150)))
    airflow = Airflow(tmp_path / "answers")

    class Interrupting(NoProgress):
        def advance(self, items: int = 1) -> None:
            raise KeyboardInterrupt

    with ExitStack() as stack:
        source, _ = stack.enter_context(a_source(airflow))
        with pytest.raises(KeyboardInterrupt):
            source.scan(inventory, Interrupting())
        result = source.scan(inventory, NoProgress())

    assert (result.seen, result.read, len(jobs(inventory))) == (150, 50, 150)


def test_runs_are_named_for_a_person_at_the_site(tmp_path: Path) -> None:
    write_runs(tmp_path / "answers", a_run("manual__1"))
    item = PSEUDONYMS.job("workflows", "seg", "manual__1")

    with a_source(Airflow(tmp_path / "answers")) as (source, _):
        assert source.identifiers([item]) == {item: "run manual__1 of seg"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "airflow.example"}, "must be an https:// or http:// address"),
        ({"url": "https://me:secret@airflow.example"}, "must hold no user and no password"),
        ({"reasons": [{"reason": "bad luck"}]}, "unknown reason 'bad luck'; allowed: out_of_memory"),
        ({"login": {"by": "token", "token": {}}}, "either `file` or `environment`"),
    ],
)
def test_wrong_settings_say_what_is_allowed(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings(**{"name": "workflows", "kind": "airflow", "url": "https://airflow.example"} | settings)
