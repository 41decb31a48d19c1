"""Acts at a running centre of many sites: only what they changed is parsed, so that reports need not wait for it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from aggregator_cast import NOW, Centre, StandingClock, a_report, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.enrolled import EnrolledKeys
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.reception import Reception, Taken
from studyscope_aggregator.registry import STUDIES_FOLDER, Registry
from studyscope_aggregator.registry_watch import RegistryWatch
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_aggregator.stores.opened import open_store


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path)


@pytest.fixture
def watch(centre: Centre) -> RegistryWatch:
    return RegistryWatch(centre.folder, OwnMetrics(), StandingClock())


def looked_again(watch: RegistryWatch) -> Registry:
    watch.look_again()
    return watch.current()


def test_a_revoked_key_is_seen_and_no_study_is_parsed_or_prepared_again(centre: Centre, watch: RegistryWatch) -> None:
    before, consortium = watch.current(), Consortium(watch, MemoryStore())
    rules, key = consortium.rules("liver", 1), before.sites["lyon"].keys[0]

    EnrolledKeys(centre.folder).revoke("lyon", key, NOW, "lost")
    after = looked_again(watch)

    assert after.sites["lyon"].keys[0].revoked == NOW
    assert after.studies["liver"].study is before.studies["liver"].study
    assert after.sites["berlin"] is before.sites["berlin"]
    assert consortium.rules("liver", 1) is rules


def test_a_study_that_changed_is_parsed_and_its_rules_are_made_anew(centre: Centre, watch: RegistryWatch) -> None:
    consortium = Consortium(watch, MemoryStore())
    before = consortium.rules("liver", 1)

    centre.write_study(title="Liver lesions and more")
    after = looked_again(watch)
    rules = consortium.rules("liver", 1)

    assert after.studies["liver"].study.title == "Liver lesions and more"
    assert rules is not None
    assert rules is not before
    assert rules.study is after.studies["liver"].study


def test_a_file_that_went_and_came_back_is_what_it_is_now(centre: Centre, watch: RegistryWatch) -> None:
    path = centre.folder / STUDIES_FOLDER / "lung.yaml"
    text = (centre.folder / STUDIES_FOLDER / "liver.yaml").read_text().replace("id: liver", "id: lung")
    path.write_text(text)
    first = looked_again(watch)
    path.unlink()
    without = looked_again(watch)
    path.write_text(text.replace("Liver lesions", "Lung nodules"))

    assert first.studies["lung"].study.title == "Liver lesions"
    assert "lung" not in without.studies
    assert looked_again(watch).studies["lung"].study.title == "Lung nodules"


class WhenTold(Executor):
    """Does its work when `go` is called: nothing is done before, however fast the machine is."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        self.waiting.append((Future(), partial(work, *arguments, **named)))
        return self.waiting[-1][0]

    def go(self) -> None:
        for future, work in self.waiting:
            future.set_result(work())
        self.waiting.clear()


MANY = ("berlin", *(f"site-{number}" for number in range(60)))


def watched(centre: Centre) -> tuple[RegistryWatch, WhenTold, Reception]:
    """A centre of many sites that looks at its registry again with every question."""
    metrics, beside, store = OwnMetrics(), WhenTold(), MemoryStore()
    ticks = itertools.count(0, 10)
    watch = RegistryWatch(centre.folder, metrics, StandingClock(), lambda: float(next(ticks)), beside)
    return watch, beside, Reception(Consortium(watch, store), store, StandingClock(), metrics)


def test_a_report_is_taken_while_a_large_study_that_changed_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    centre = Centre(tmp_path, MANY)
    watch, beside, reception = watched(centre)
    centre.write_study(title="Liver lesions and more")
    taken = asyncio.run(reception.receive(centre.signed(a_report()).to_bytes()))

    assert isinstance(taken, Taken)
    assert len(beside.waiting) == 1
    assert watch.current().studies["liver"].study.title == "Liver lesions"
    beside.go()
    with monkeypatch.context() as nothing_is_parsed:
        nothing_is_parsed.setattr(yaml, "compose", None)
        assert watch.current().studies["liver"].study.title == "Liver lesions and more"


def test_a_large_study_that_cannot_be_used_is_said_and_the_last_good_one_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    centre = Centre(tmp_path, MANY)
    watch, beside, reception = watched(centre)
    centre.write_study(titel="Liver lesions and more")
    watch.current()
    beside.go()

    assert watch.current().studies["liver"].study.title == "Liver lesions"
    assert "titel: unknown key" in caplog.text
    assert isinstance(asyncio.run(reception.receive(centre.signed(a_report()).to_bytes())), Taken)
    assert not beside.waiting, "it is not parsed again"
    centre.write_study(title="Liver lesions and more")
    watch.current()
    beside.go()
    assert watch.current().studies["liver"].study.title == "Liver lesions and more"


def test_an_act_is_in_force_at_once_where_nothing_large_changed(tmp_path: Path) -> None:
    centre = Centre(tmp_path, MANY)
    watch, beside, _ = watched(centre)
    EnrolledKeys(centre.folder).revoke("berlin", watch.current().sites["berlin"].keys[0], NOW, "lost")

    assert watch.current().sites["berlin"].keys[0].revoked == NOW
    assert not beside.waiting


def test_the_first_page_is_made_before_anybody_asks(centre: Centre) -> None:
    settings = centre.settings()
    with served(create_app(settings, open_store(settings.store), StandingClock())) as client:
        client.post("/api/v1/reports", content=centre.signed(a_report()).to_bytes())
    with served(create_app(settings, open_store(settings.store), StandingClock())) as client:
        own = client.get("/metrics/self").text

    (samples,) = [line for line in own.splitlines() if line.startswith("studyscope_published_samples ")]
    assert float(samples.split()[1]) > 10
