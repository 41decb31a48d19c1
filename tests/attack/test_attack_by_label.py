"""T10: hostile texts in place of codes, and canaries: none may reach a report, the ledger, a log or an error."""

from __future__ import annotations

import logging
import random
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disclosure_cast import FACTS, POPULATION, SEX, STUDY, Hospital, MemoryDisk, opened
from studyscope_exporter.disclosure.contributions import Contributions, check
from studyscope_exporter.disclosure.errors import ContributionsProblem

CANARY = "Doe^John^CANARY"
HOSTILE = [
    'Siemens",patient="' + CANARY,
    CANARY + "\n# TYPE x gauge",
    "1.2.840.113619." + CANARY,
    CANARY * 4000,
    "\N{HOSPITAL}" + CANARY,
    CANARY + "\\",
    "19700101" + CANARY,
]


def hostile(text: str) -> Contributions:
    hospital = Hospital()
    hospital.admit(12)
    tables = dict(hospital.contributions().tables)
    patient = next(iter(tables[SEX]))
    return Contributions({**tables, SEX: {**tables[SEX], patient: frozenset({(text,)})}})


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_that_is_no_code_stops_the_release_and_appears_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with opened(tmp_path) as domain:
        with pytest.raises(ContributionsProblem) as refusal:
            domain.release(hostile(text), FACTS, 100)
        heartbeat = domain.release(None, FACTS, 100).to_bytes()
    content = heartbeat + b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"CANARY" not in content
    assert "CANARY" not in str(refusal.value) + repr(refusal.value) + caplog.text


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80) | st.sampled_from(["F ", "f", "", "M\x00", "F,M"]))
def test_no_text_outside_the_closed_list_gets_in(text: str) -> None:
    if text in ("F", "M", "O", "not_stated"):
        return
    with pytest.raises(ContributionsProblem):
        check(hostile(text), STUDY)


def test_the_labels_of_a_long_history_hold_no_label_but_the_lists(tmp_path: Path) -> None:
    dice = random.Random(2)
    allowed = {code for _, table in STUDY.tables() for cell in STUDY.codes(table) for code in cell}
    hospital = Hospital()
    with opened(tmp_path, files=MemoryDisk()) as domain:
        for point in range(100, 140):
            hospital.admit(dice.randrange(9), start=point * 10, sex=dice.choice(["F", "M", "O"]), stage=dice.randrange(3))
            report = domain.release(hospital.contributions(), FACTS, point).report
            assert all(code in allowed for table in report.tables for cell in table.cells for code in cell.codes)
    assert len(report.tables) > 3


def test_control_a_label_from_the_header_would_carry_the_name() -> None:
    exposition = "".join(f'study_patients{{sex="{text}"}} 1\n' for text in HOSTILE)
    assert exposition.count(CANARY) >= len(HOSTILE)
    assert not set(CANARY) <= set(string.ascii_lowercase)
    assert POPULATION.table == "population"
