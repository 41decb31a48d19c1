"""An attacker who also has exact numbers, reported under a protocol."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from disclosure_cast import FACTS, POPULATION, SEX, STAGE, Hospital, opened
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import PRESETS, Policy
from studyscope_exporter.attack.background import Background, deduced
from studyscope_exporter.attack.claims import groups
from studyscope_exporter.attack.prover import Prover
from studyscope_exporter.attack.published import Moment, PublishedHistory
from studyscope_exporter.attack.puzzle import Name
from studyscope_exporter.attack.whole_ledger import history_of_ledger
from studyscope_exporter.cli import main
from studyscope_exporter.disclosure.history import Release
from studyscope_exporter.disclosure.witness import WitnessAudit

OBLIGED = Policy.model_validate(
    {
        "preset": "tens-open",
        "disclosure": {"reported": ["stage", "reached"], "legal_basis": "Protocol 4.2, section 7.3, ethics committee"},
        "two_way": ["stage_by_sex"],
    }
)


def lived(folder: Path, seed: int, days: int = 90) -> tuple[bytes, tuple[Release, ...]]:
    """A hospital's ledger, and what was behind it; people come, move on and leave."""
    hospital, dice = Hospital(), random.Random(seed)
    with opened(folder, seed, policy=OBLIGED, audit=WitnessAudit()) as domain:
        for day in range(days):
            hospital.admit(dice.randrange(4), start=day * 10, sex=dice.choice("FFFM"), stage=dice.randrange(2))
            for person in dice.sample(sorted(hospital.people), min(2, len(hospital.people))):
                hospital.people[person].stage = min(2, hospital.people[person].stage + 1)
            if dice.randrange(8) == 0 and hospital.people:
                del hospital.people[dice.choice(sorted(hospital.people))]
            domain.release(hospital.contributions(), FACTS, 100 + day)
        state = domain._load().state
        assert state is not None
        return domain.ledger_path.read_bytes(), state.history


@pytest.mark.parametrize("seed", range(3))
def test_what_the_attacker_takes_for_true_is_true(tmp_path: Path, seed: int) -> None:
    ledger, truth = lived(tmp_path, seed)
    history = history_of_ledger(ledger)
    assert STAGE not in history.codes
    puzzle = deduced(history, Background()).puzzle
    unknown = {name: number for number, name in enumerate(puzzle.names)}
    sizes = [(release, version.patients) for release in truth for version in release.tables if version.key == POPULATION]
    seen = [(unknown[Name(POPULATION, release.grid_point)], size) for release, size in sizes if release.tables[0].shown]
    assert len(seen) >= 3
    assert all(puzzle.low[number] <= size <= puzzle.high[number] for number, size in seen)
    assert any(puzzle.high[number] - puzzle.low[number] < 9 for number, _ in seen), "exact numbers tell more than bins of ten"


def test_the_ledger_of_a_site_that_reports_exactly_gives_no_small_group_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, _ = lived(tmp_path / "site", 4)
    (tmp_path / "ledger.jsonl").write_bytes(ledger)
    assert main(["attack", "--ledger", str(tmp_path / "ledger.jsonl")]) == 0
    assert "Nothing about a small group can be proven." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("preset", "exact", "proven"), [("tens", True, True), ("tens", False, False), ("tens-open", True, False)]
)
def test_exact_numbers_beside_bins_narrower_than_k_would_be_the_end_of_a_secret(preset: str, exact: bool, proven: bool) -> None:
    """45 patients, women 40 (35 to 44): under k = 11 the others are 1 to 10. The control of the tests above."""
    reported = {STAGE: {("imaged",): 45, ("segmented",): 0}} if exact else {}
    tables = {POPULATION: {(): 50}, SEX: {("F",): 40}}
    codes: dict[TableKey, tuple[tuple[str, ...], ...]] = {POPULATION: ((),), SEX: (("F",), ("M",))}
    moment = Moment(100, PRESETS[preset], tables, reported=reported)  # type: ignore[index]
    deduction = deduced(PublishedHistory("berlin", "liver", codes, (moment,)), Background())
    found = [one.claim.what for one in Prover(deduction.puzzle, groups(deduction)).small_groups()]
    assert any("sex" in what for what in found) is proven
