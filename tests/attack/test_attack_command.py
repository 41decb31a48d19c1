"""`studyscope-exporter attack`: on a real ledger it finds nothing, on one that gives people away it says so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from attacking.hospital import OUTCOME, STATE, Lived, lived
from attacking.people import Life
from disclosure_cast import FACTS, SIGNING_KEY, Hospital, opened
from studyscope_contract.policy import Policy
from studyscope_contract.report import PolicyStatement
from studyscope_exporter.attack.published import PublishedHistory
from studyscope_exporter.attack.whole_ledger import history_of_ledger
from studyscope_exporter.cli import main
from studyscope_exporter.disclosure.ledger import Head, written
from studyscope_exporter.disclosure.witness import WitnessAudit


def as_ledger(history: PublishedHistory) -> bytes:
    policy = PolicyStatement.of(Policy()).model_dump(mode="json")
    acts: list[dict[str, object]] = [{"act": "opened", "site": history.site, "study": history.study}]
    for moment in history.moments:
        tables = [
            {"table": key.table, "per": key.per, "cells": [{"codes": list(cell), "value": n} for cell, n in shown.items()]}
            | ({"version": moment.versions[key]} if key in moment.versions else {})
            for key, shown in moment.tables.items()
        ]
        acts.append({"act": "release", "grid_point": moment.grid_point, "policy": policy, "tables": tables})
    return written(Head(), acts, SIGNING_KEY)[0]


def test_a_domain_s_own_ledger_gives_nothing_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital()
    with opened(tmp_path, audit=WitnessAudit()) as domain:
        for day in range(50):
            hospital.admit(2, start=day * 10, sex="FM"[day % 2], stage=day % 3)
            domain.release(hospital.contributions(), FACTS, 100 + day)
        path = domain.ledger_path
    assert main(["attack", "--ledger", str(path)]) == 0
    said = capsys.readouterr().out
    assert "study liver-study at berlin" in said
    assert "Nothing about a small group can be proven." in said


def test_a_policy_that_changed_does_not_blind_the_attackers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital()
    for policy, days in ((Policy(), range(30)), (Policy(m=20), range(30, 60))):
        with opened(tmp_path, policy=policy, audit=WitnessAudit()) as domain:
            for day in days:
                hospital.admit(3, start=day * 10, sex="FM"[day % 2], stage=day % 3)
                domain.release(hospital.contributions(), FACTS, 100 + day)
            path = domain.ledger_path
    moments = history_of_ledger(path.read_bytes()).moments
    assert {moment.parameters.m for moment in moments} == {10, 20}
    assert [moment.other_rules for moment in moments].count(True) == 1
    assert main(["attack", "--ledger", str(path)]) == 0
    assert "this is not true of your hospital" not in capsys.readouterr().out.partition("also knows that stages")[0]


def test_a_ledger_that_gives_small_groups_away_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = lived(Life(8, weeks=16), 1001, Policy()).published  # without the audit
    (tmp_path / "ledger.jsonl").write_bytes(as_ledger(history))
    assert main(["attack", "--ledger", str(tmp_path / "ledger.jsonl")]) == 1
    said = capsys.readouterr().out
    assert "SOMETHING CAN BE PROVEN" in said
    assert re.search(r"on grid point \d+: \w+: 1 to", said)


def shown_by_the_older_rule(history: Lived, before: int) -> PublishedHistory:
    """As an exporter showed results before docs/decisions/0010: where the bin was not that of everybody."""
    moments, parameters = [], Policy().parameters
    for moment in history.published.moments:
        tables = dict(moment.tables)
        for key in (STATE, OUTCOME) if moment.grid_point < before else ():
            behind = history.truth.get((key, moment.grid_point))
            if behind is not None:
                everybody = parameters.published(behind.patients)
                shown = {cell: parameters.published(count) for cell, count in behind.cells.items()}
                tables[key] = {cell: number for cell, number in shown.items() if number not in (None, everybody)}
        moments.append(replace(moment, tables=tables))
    return replace(history.published, moments=tuple(moments))


def test_results_shown_by_an_older_rule_do_not_make_a_stranger_of_the_attacker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = lived(Life(8, weeks=16, advance=3.5), 1004, Policy())
    older = shown_by_the_older_rule(history, before=history.published.moments[-2].grid_point)
    (tmp_path / "ledger.jsonl").write_bytes(as_ledger(older))
    main(["attack", "--ledger", str(tmp_path / "ledger.jsonl")])
    said = capsys.readouterr().out
    assert "not true of your hospital" not in said
    assert re.search(r"results were shown by an older rule before grid point \d+", said)


def test_what_a_ledger_says_is_what_was_published() -> None:
    history = lived(Life(9, weeks=20), 1, Policy()).published
    assert history_of_ledger(as_ledger(history)).moments == history.moments


@pytest.mark.parametrize("content", [b"", b'{"act":"opened"}\n'])
def test_an_empty_or_foreign_file_is_answered_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    path = tmp_path / "some.jsonl"
    path.write_bytes(content)
    code = main(["attack", "--ledger", str(path)])
    said = capsys.readouterr()
    assert code == (2 if content else 0)
    assert "nothing was published yet" in said.out or "cannot be read as a ledger" in said.err
