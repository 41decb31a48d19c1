"""T4, T5: somebody who knows nearly everybody wants to know one person's sex, or whether they are in the study."""

from __future__ import annotations

import random
from dataclasses import replace

from attacking.hospital import SEX, Lived, lived
from attacking.on_people import Gate, attribute_beliefs, batches, every_scrape, learned, membership_beliefs
from attacking.people import DAYS_A_WEEK, Life
from studyscope_contract.policy import Parameters, Policy

TENS = Policy().parameters


class Exact(Parameters):
    """The control's policy: every number as it is."""

    def published(self, count: int) -> int | None:
        return count


def exactly(history: Lived) -> Lived:
    moments = tuple(
        replace(moment, tables={SEX: history.truth[SEX, moment.grid_point].cells} if SEX in moment.tables else {})
        for moment in history.published.moments
    )
    return replace(history, published=replace(history.published, moments=moments))


def test_t4_with_nine_unknown_batch_mates_nobody_s_sex_becomes_certain() -> None:
    dice, histories = random.Random(1), [lived(Life(8), seed, Policy()) for seed in range(3)]
    result = learned([one for history in histories for one in attribute_beliefs(history, TENS, 9, dice)], 0.99)
    assert result.targets > 100
    assert result.certain <= 0.005
    assert result.gain <= 0.05 + 2 * (0.25 / result.targets) ** 0.5


def test_t4_control_exact_numbers_give_the_last_unknown_person_away() -> None:
    history = exactly(lived(Life(8), 1, Policy()))
    result = learned(list(attribute_beliefs(history, Exact(**TENS.model_dump()), 0, random.Random(1))), 0.99)
    assert result.targets > 30
    assert result.certain == 1.0


def test_t5_a_known_visit_makes_nobody_s_membership_certain() -> None:
    for rate in (1, 3, 8):
        dice, histories = random.Random(rate), [lived(Life(rate), seed, Policy()) for seed in range(2)]
        for prior in (0.5, 0.75):
            gate = Gate(rate / DAYS_A_WEEK, TENS.m)
            beliefs = [one for history in histories for one in membership_beliefs(batches(history, TENS), gate, prior, dice)]
            assert len(beliefs) > 5
            assert learned(beliefs, 0.95).certain <= 0.02


def test_t5_control_exact_numbers_every_quarter_of_an_hour_show_who_came() -> None:
    dice, comes = random.Random(5), 3 / (DAYS_A_WEEK * 96)
    result = learned(list(membership_beliefs(every_scrape(comes, 60, dice), Gate(comes, m=1, delays=1), 0.5, dice)), 0.95)
    assert result.targets == 60
    assert result.certain == 1.0
    assert result.gain > 0.4
