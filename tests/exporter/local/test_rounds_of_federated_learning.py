"""Rounds of federated learning become a fact of the site, and nothing of a round's result does."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from studyscope_contract.learning import LearningRounds
from studyscope_contract.report import SiteFacts
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.ledger_words import fact_words
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.kinds import SiteContext, kinds, open_source
from studyscope_exporter.sources.learning import learning_rounds
from studyscope_exporter.sources.source import NoProgress, ScanResult

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32), now=lambda: NOW) as inventory:
        yield inventory


def scan(inventory: Inventory, path: Path, **settings: Any) -> ScanResult:
    made = kinds()["learning"].Settings(name="rounds", kind="learning", path=path, **settings)
    return open_source(made, SiteContext(Pseudonyms(bytes(32)), lambda: NOW)).scan(inventory, NoProgress())


def test_the_last_line_of_a_round_counts_and_words_are_the_logs_own(tmp_path: Path, inventory: Inventory) -> None:
    log = tmp_path / "rounds.jsonl"
    lines = [("a", 1, "Completed"), ("a", 2, "missed"), ("a", 2, "late"), ("b", 1, "verpasst"), ("b", 2, "?"), ("b", "", "late")]
    log.write_text("".join(json.dumps({"fl": run, "n": n, "how": how, "auc": 0.9}) + "\n" for run, n, how in lines))
    done = scan(inventory, log, columns={"run": "fl", "round": "n", "state": "how"}, states={"Verpasst": "missed"})

    assert learning_rounds(inventory, ["rounds"]) == LearningRounds(taken_part=1, late=1, missed=1)
    assert (done.seen, done.read) == (6, 3)
    assert done.unreadable == {"does not say what became of the round": 1, "names no round": 1}
    assert b"0.9" not in inventory.note("rounds")


def test_due_and_finished_tell_what_became_of_a_round(tmp_path: Path, inventory: Inventory) -> None:
    log = tmp_path / "rounds.csv"
    log.write_text(
        "round,due,finished\n"
        "1,2026-05-01T12:00Z,2026-05-01T11:00Z\n2,2026-05-02T12:00Z,2026-05-02T15:00+02:00\n"
        "3,2026-05-03T12:00Z,\n4,2026-06-03T12:00Z,\n5,soon,\n"
    )
    done = scan(inventory, log, columns={"due": "due", "finished": "finished"})

    assert learning_rounds(inventory, ["rounds"]) == LearningRounds(taken_part=1, late=1, missed=1)
    assert done.to_mend == ["line 6: does not say what became of the round; `states` maps the log's words"]


def test_a_site_without_such_a_log_says_nothing_and_its_bytes_are_those_of_older_exporters(inventory: Inventory) -> None:
    assert learning_rounds(inventory, ["never-read"]) is None
    assert "learning" not in SiteFacts(release="0.1.0", study_version=1).model_dump()
    said = SiteFacts(release="0.1.0", study_version=1, learning=LearningRounds(taken_part=3, late=0, missed=1))
    assert SiteFacts.model_validate(said.model_dump()) == said


@pytest.mark.parametrize("columns", [{"round": "n"}, {"state": "s", "due": "d", "finished": "f"}, {"due": "d"}])
def test_columns_that_do_not_tell_the_state_are_refused(columns: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="name either `state`, or `due` and `finished`"):
        kinds()["learning"].Settings(name="rounds", kind="learning", path=tmp_path, columns=columns)


def test_the_ledger_says_which_rounds_left() -> None:
    told = SiteFacts(release="0.1.0", study_version=1, learning=LearningRounds(taken_part=3, late=0, missed=1))

    assert "rounds of federated learning: 3 taken part, 0 late, 1 missed" in fact_words(told.model_dump())
    assert "learning" not in fact_words(SiteFacts(release="0.1.0", study_version=1).model_dump())
