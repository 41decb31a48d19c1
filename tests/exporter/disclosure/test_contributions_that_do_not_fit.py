from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from disclosure_cast import FACTS, MODALITY, POPULATION, REACHED, SEX, STATE, STUDY, VOLUME, Hospital, one, opened, patient_key
from studyscope_contract.metric import TableKey
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.bins import shown_cells
from studyscope_exporter.disclosure.contributions import Cell, Contributions, check
from studyscope_exporter.disclosure.errors import ContributionsProblem
from studyscope_exporter.disclosure.snapshot import Snapshot

STRANGER = patient_key(10_000)


def with_tables(**changes: object) -> dict[TableKey, Mapping[bytes, frozenset[Cell]]]:
    hospital = Hospital()
    hospital.admit(37, stage=1)
    return dict(hospital.contributions().tables)


def broken(key: TableKey, patient: bytes, cells: frozenset[Cell]) -> Contributions:
    tables = with_tables()
    return Contributions({**tables, key: {**tables.get(key, {}), patient: cells}})


def test_what_the_study_allows_is_accepted() -> None:
    check(Contributions(with_tables()), STUDY)


@pytest.mark.parametrize(
    ("contributions", "table"),
    [
        (broken(SEX, patient_key(1), frozenset({("F",), ("M",)})), "sex"),
        (broken(SEX, patient_key(1), frozenset()), "sex"),
        (broken(SEX, patient_key(1), one("Doe^John")), "sex"),
        (broken(TableKey("stage"), patient_key(1), one("analysed")), "stage"),
        (broken(REACHED, patient_key(1), frozenset({("imaged",), ("reviewed",)})), "reached"),
        (broken(MODALITY, STRANGER, one("CT")), "modality"),
        (broken(STATE, STRANGER, one("present")), "structure_state:liver"),
        (broken(TableKey("structure_state", "spleen"), patient_key(1), one("present")), "structure_state:spleen"),
        (broken(POPULATION, STRANGER, frozenset({()})), "stage"),
        (broken(POPULATION, b"short", frozenset({()})), "population"),
    ],
)
def test_anything_else_is_refused_and_names_the_table(contributions: Contributions, table: str) -> None:
    with pytest.raises(ContributionsProblem) as refusal:
        check(contributions, STUDY)
    assert refusal.value.table == table
    assert repr(patient_key(1))[2:-1] not in shown_by(refusal.value)


def test_a_domain_without_a_population_is_refused() -> None:
    tables = with_tables()
    del tables[POPULATION]
    with pytest.raises(ContributionsProblem, match="population"):
        check(Contributions(tables), STUDY)


class BreaksWhenAsked:
    """Parameters that fail in the middle of shaping a table."""

    s = 15

    def published(self, count: int) -> int | None:
        raise ZeroDivisionError("in the middle of a table")


class BreaksInTheAudit:
    def audit(self, history: object, candidate: object, beside: object = ()) -> Verdict:
        raise ZeroDivisionError("in the middle of a release")


def shown_by(error: BaseException) -> str:
    """What a trace with local variables prints of the frames of the package."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    own = [frame for frame in trace.stack if "studyscope_exporter" in frame.filename]
    assert own
    text = "".join(f"{frame.name} {frame.line} {frame.locals}" for frame in own)
    return re.sub(r"[0-9a-f]{64}", "a hash", text)  # one of many hashes holds any four digits


def test_no_trace_of_a_failed_release_shows_a_count_or_a_key(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(1919, sex="F")
    hospital.admit(2841, start=20_000, sex="M")
    with opened(tmp_path, audit=BreaksInTheAudit()) as domain:
        with pytest.raises(ZeroDivisionError) as failure:
            domain.release(hospital.contributions(), FACTS, 100)
        assert domain.status().last_grid_point is None
    shown = shown_by(failure.value)
    assert not any(canary in shown for canary in ("1919", "2841", "4760"))
    assert not any(repr(key)[2:-1] in shown for key in (patient_key(0), patient_key(20_000)))


@pytest.mark.parametrize(("table", "cells"), [(SEX, (("F",), ("M",))), (VOLUME, (("1.0",), ("+Inf",)))])
def test_no_trace_of_a_failed_table_shows_a_count(table: TableKey, cells: tuple[Cell, ...]) -> None:
    snapshot = Snapshot(np.array([0] * 1919 + [1] * 2841, dtype=np.int32), {cells[0]: 3}, 3)
    exact = snapshot.counts(tuple(frozenset({cell}) for cell in cells))
    with pytest.raises(ZeroDivisionError) as failure:
        shown_cells(
            dict(STUDY.tables())[table],
            cells,
            exact,
            patients=snapshot.patients,
            parameters=BreaksWhenAsked(),  # type: ignore[arg-type]
            before=(),
        )
    shown = shown_by(failure.value)
    assert sum(exact.values()) == 4763
    assert not any(canary in shown for canary in ("1919", "1922", "2841", "4763"))
