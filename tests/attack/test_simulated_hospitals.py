"""The simulation that the attacks run on is the real pipeline: day by day it shows what a Domain shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacking.hospital import (
    AGE,
    FIRST_POINT,
    MODALITIES,
    MODALITY,
    OUTCOME,
    REACHED,
    SEX,
    STAGE,
    STATE,
    STUDY,
    TWO_WAY,
    VENDOR,
    VOLUME,
    Dice,
    Lived,
    lived,
    patient_key,
    terms_of,
)  # fmt: skip
from attacking.people import Life, People, people
from disclosure_cast import FACTS, POPULATION, STAGES, MemoryDisk, opened
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Policy
from studyscope_exporter.attack.published import PublishedHistory, history_of
from studyscope_exporter.disclosure.contributions import Cell, Contributions

BUSY = Life(rate=9, weeks=24, leaving=0.6, advance=0.15)


def contributions(ours: People, day: int) -> Contributions:
    """The simulated people of one day as the collectors would hand them over."""
    codes = terms_of(Policy()).codes
    tables: dict[TableKey, dict[bytes, frozenset[Cell]]] = {key: {} for key in codes if key.table in terms_tables()}
    for i in range(len(ours)):
        if not ours.joined[i] <= day < ours.left[i]:
            continue
        stage = int(day >= ours.segmented[i]) + int(day >= ours.reviewed[i])
        answers = {
            POPULATION: {()},
            STAGE: {(STAGES[stage],)},
            REACHED: {(code,) for code in STAGES[: stage + 1]},
            MODALITY: {(code,) for code in MODALITIES[ours.of["modality"][i]]},
        } | {key: {codes[key][ours.of[name][i]]} for key, name in ((SEX, "sex"), (AGE, "age_band"), (VENDOR, "vendor"))}
        if stage:
            answers |= {STATE: {codes[STATE][ours.of["state"][i]]}, OUTCOME: {codes[OUTCOME][ours.of["outcome"][i]]}}
            if ours.of["state"][i] == 0:
                answers[VOLUME] = {codes[VOLUME][ours.of["volume"][i] + 4]}
        for key, cells in answers.items():
            tables[key][patient_key(i)] = frozenset(cells)
    return Contributions(tables)


def terms_tables() -> set[str]:
    return {key.table for key in (POPULATION, STAGE, REACHED, SEX, AGE, VENDOR, MODALITY, STATE, VOLUME, OUTCOME)}


def through_a_domain(folder: Path, life: Life, seed: int, policy: Policy) -> PublishedHistory:
    ours, terms = people(life, seed), terms_of(policy)
    settings = {"study": STUDY, "policy": terms.policy, "random": Dice(seed), "files": MemoryDisk()}
    with opened(folder, **settings) as domain:
        days = range(life.weeks * 7)
        reports = [domain.release(contributions(ours, day), FACTS, FIRST_POINT + day).report for day in days]
    return history_of(reports, {key: codes for key, codes in terms.codes.items() if not terms.refused(key)})


@pytest.mark.parametrize("policy", [Policy(), Policy(two_way=TWO_WAY)])
def test_the_simulation_publishes_what_a_domain_publishes(tmp_path: Path, policy: Policy) -> None:
    simulated = lived(BUSY, 5, policy).published
    real = through_a_domain(tmp_path, BUSY, 5, policy)
    assert len(simulated.moments) > 15
    assert simulated == real


def test_a_seed_gives_the_same_history_and_another_seed_another() -> None:
    one, again, other = (lived(BUSY, seed, Policy()).published for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_the_truth_is_known_for_every_version_and_lies_in_what_was_shown() -> None:
    history: Lived = lived(BUSY, 3, Policy())
    parameters = Policy().parameters
    for moment in history.published.moments:
        for key, shown in moment.tables.items():
            behind = history.truth[key, moment.grid_point]
            assert moment.grid_point - 13 <= behind.frozen_at <= moment.grid_point
            for cell, number in shown.items() if key != VOLUME else ():
                low, high = parameters.bounds(number)
                assert low <= behind.cells[cell] <= high
