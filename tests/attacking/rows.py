"""The rows of the full attack: each a kind of hospital under one attack, history by history."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial

from attacking.hospital import TWO_WAY, Lived, lived
from attacking.on_consortium import added_up_exactly, by_an_insider
from attacking.on_people import Belief, Gate, attribute_beliefs, batches, every_scrape, membership_beliefs
from attacking.on_structures import OF_CLASSIFIERS, OF_STRUCTURES, by_the_threshold_alone, in_tables_of
from attacking.on_studies import Isolated, by_many_versions, by_two_studies, closed, frozen_on_the_same_days
from attacking.on_twins import by_freezing_days
from attacking.on_versions import Tally, attacked_history, from_inside, proven, suppress_and_round
from attacking.people import DAYS_A_WEEK, Life
from attacking.record import Numbers
from attacking.utility import utility
from attacking.verdicts import ENOUGH_HISTORIES
from studyscope_contract.policy import PRESETS, Policy
from studyscope_exporter.disclosure.audit import Audit, NoAudit
from studyscope_exporter.disclosure.witness import WitnessAudit

RATES, LEAVING = (1, 3, 8), (0.0, 0.15)
WEEKS: Mapping[int, int] = {1: 104, 3: 40, 8: 16}  # about as many patients each, so that every rate has as many histories
SOLVED_HISTORIES, LONG_HISTORIES, CONTROL_HISTORIES = 17, 2, 5  # of each of the twelve rows that are audited: 204
SIXTH, THIRD = 34, 67  # of 200, in each of six and of three rows
LONG: Mapping[int, int] = {3: 104, 8: 52}
UTILITY_RATES, UTILITY_WEEKS, UTILITY_HISTORIES = (1, 2, 4, 8, 30), {8: 52, 30: 16}, 3
TWIN_WEEKS: Mapping[int, int] = {1: 104, 3: 40, 8: 20}
SOON = 3.5  # everybody is segmented within days, as by a machine
UNKNOWN, PRIORS = (9, 5, 2, 0), (0.5, 0.75)
STRICTER = Policy(b=30, s=45)


@dataclass(frozen=True)
class Row:
    """`attack(seed)` plays one history; its numbers are added up over `histories` of them."""

    id: str
    kind: str
    attack: Callable[[int], Numbers]
    about: Mapping[str, object]
    histories: int = ENOUGH_HISTORIES


def rows() -> Iterator[Row]:
    """Every row, in the order of the page."""
    for two_way, audited in ((False, True), (False, False), (True, True), (True, False)):
        for life in (*_lives(WEEKS), *(_lives(LONG) if audited else ())):
            about = {"life": life, "two_way": two_way, "audited": audited}
            histories = LONG_HISTORIES if life.weeks > WEEKS[int(life.rate)] else SOLVED_HISTORIES
            yield _row("solved", partial(solved, life, two_way, audited), about, histories)
    yield _row("suppressed", partial(suppressed, Life(1, weeks=40)), {}, CONTROL_HISTORIES)
    for life in _lives(WEEKS):
        yield _row("insider", partial(insider, life), {"life": life}, SIXTH)
    yield _row("added", added, {})
    for life in _lives(WEEKS):
        yield _row("drift", partial(drifted, life), {"life": life}, SIXTH)
    for unsaid in (False, True):
        yield _row("coordinator", partial(coordinator, unsaid), {"unsaid": unsaid})
    for life in _lives(WEEKS):
        if not life.leaving:
            yield _row("overlap", partial(overlap, life), {"life": life}, THIRD)
    yield _row("same_days", same_days, {})
    for rate, weeks in TWIN_WEEKS.items():
        life = Life(rate, weeks=weeks)
        yield _row("twins", partial(twins, life, told=True), {"life": life, "told": True}, THIRD)
    life = Life(8, weeks=TWIN_WEEKS[8])
    yield _row("twins", partial(twins, life, told=False), {"life": life, "told": False}, THIRD)
    yield from _of_many_structures()
    for rate in RATES:
        yield _row("guessed", partial(guessed, Life(rate)), {"life": Life(rate)}, THIRD)
    yield _row("scraped", scraped, {})
    for preset in PRESETS:
        for rate in UTILITY_RATES:
            for audited in (False, True):
                about = {"preset": preset, "rate": rate, "audited": audited}
                yield _row("useful", partial(useful, preset, rate, audited), about, UTILITY_HISTORIES)


def _of_many_structures() -> Iterator[Row]:
    for rate, weeks in WEEKS.items():
        life = Life(rate, weeks=weeks, advance=SOON, structures=8)
        for audited, histories in ((True, SOLVED_HISTORIES), (False, THIRD)):
            about = {"life": life, "audited": audited}
            yield _row("structures", partial(from_the_house, OF_STRUCTURES, life, audited), about, histories)
    for rate, weeks in WEEKS.items():
        life = Life(rate, weeks=weeks, advance=SOON, classified=True)
        for audited, histories in ((True, SOLVED_HISTORIES), (False, THIRD)):
            about = {"life": life, "audited": audited}
            yield _row("classified", partial(from_the_house, OF_CLASSIFIERS, life, audited), about, histories)
    yield _row("unguarded", partial(unguarded, Life(8, weeks=WEEKS[8], advance=SOON, structures=8)), {}, CONTROL_HISTORIES)


def _row(kind: str, attack: Callable[[int], Numbers], about: Mapping[str, object], histories: int = ENOUGH_HISTORIES) -> Row:
    name = " ".join((kind, *(f"{key}={value}" for key, value in about.items())))
    return Row(name, kind, attack, about, histories)


def _lives(weeks: Mapping[int, int]) -> Iterator[Life]:
    for rate in weeks:
        for leaving in LEAVING:
            yield Life(rate, weeks=weeks[rate], leaving=leaving)


def _audit(audited: bool) -> Audit:
    return WitnessAudit() if audited else NoAudit()


def _told(tally: Tally) -> Numbers:
    return {name: number for name, number in asdict(tally).items() if number}


@lru_cache(maxsize=64)
def audited_hospital(life: Life, seed: int, two_way: bool = False) -> Lived:
    """A history under the audit, played once for all the attacks on it."""
    return lived(life, seed, Policy(two_way=TWO_WAY if two_way else ()), WitnessAudit())


def solved(life: Life, two_way: bool, audited: bool, seed: int) -> Numbers:
    """T1, T2, T3."""
    policy = Policy(two_way=TWO_WAY if two_way else ())
    history = audited_hospital(life, seed, two_way) if audited else lived(life, seed, policy)
    return _told(attacked_history(life, history, policy.parameters.m))


def suppressed(life: Life, seed: int) -> Numbers:
    """The control of T1 and T3."""
    return _told(suppress_and_round(life, seed))


def insider(life: Life, seed: int) -> Numbers:
    """T6: three sites, each of them in turn the insider, who also knows how the others work; two are in the next seed's too."""
    sites = [audited_hospital(life, seed + site) for site in range(3)]
    return _told(by_an_insider(sites, from_inside(life), Policy(), seed % 3))


def added(seed: int) -> Numbers:
    """The control of T6."""
    return _told(added_up_exactly(Life(1, weeks=40), seed))


def drifted(life: Life, seed: int) -> Numbers:
    """T13: at half time the policy becomes coarser."""
    history = lived(life, seed, Policy(), WitnessAudit(), {life.weeks // 2: STRICTER})
    truth = {name: (behind.cells, behind.patients) for name, behind in history.truth.items()}
    return _told(proven(history.published, life, truth))


def coordinator(unsaid: bool, seed: int) -> Numbers:
    """T16: twenty versions of a study file about a group of three, six or nine; `unsaid` is the control."""
    few = (3, 6, 9)[seed % 3]
    return _isolated(by_many_versions(few, seed, closed(240, seed), Policy(), WitnessAudit(), unsaid=unsaid))


def overlap(life: Life, seed: int) -> Numbers:
    """T16: two studies of one hospital, one without a group of three, six or nine."""
    return _isolated(by_two_studies((3, 6, 9)[seed % 3], seed, life, Policy()))


def twins(life: Life, seed: int, *, told: bool) -> Numbers:
    """T16: as `overlap`, but everything of both, and the attacker knows when each was frozen; not `told` is the control."""
    audit = WitnessAudit() if told else NoAudit()
    found = by_freezing_days((3, 6, 9)[seed % 3], seed, life, Policy(), told=told, audit=audit)
    parts = {"fixed": found.apart(fixed=True), "later": found.apart(fixed=False), "own": found.own}
    small = {f"{name}_small": one.small for name, one in parts.items()}
    return small | {f"{name}_proven": one.proven for name, one in parts.items()} | {"versions": found.versions}


def from_the_house(tables: str, life: Life, audited: bool, seed: int) -> Numbers:
    """T1 of the tables of many structures, or of a classifier."""
    small, found = in_tables_of(tables, life, seed, _audit(audited))
    return {"small": small, "small_proven": found}


def unguarded(life: Life, seed: int) -> Numbers:
    """The control of many structures."""
    small, found = by_the_threshold_alone(life, seed)
    return {"small": small, "small_proven": found}


def same_days(seed: int) -> Numbers:
    """The control of two studies."""
    return _isolated(frozen_on_the_same_days((3, 6, 9)[seed % 3], seed, Life(3, weeks=40), Policy().parameters))


def _isolated(found: Isolated) -> Numbers:
    return {"groups": 1, "proven": found.proven, "wrong": not found.fits, "versions": found.versions}


def guessed(life: Life, seed: int) -> Numbers:
    """T4 with 9, 5, 2 and 0 unknown batch-mates, T5 with two priors."""
    parameters, dice = Policy().parameters, random.Random(seed)
    history, found = lived(life, seed, Policy()), dict[str, float]()
    for unknown in UNKNOWN:
        beliefs = list(attribute_beliefs(history, parameters, unknown, dice))
        found |= _beliefs(f"T4, {unknown} unknown", beliefs, 0.99)
    gate = Gate(life.rate / DAYS_A_WEEK, parameters.m)
    for prior in PRIORS:
        beliefs = list(membership_beliefs(batches(history, parameters), gate, prior, dice))
        found |= _beliefs(f"T5, prior {prior}", beliefs, 0.95)
    return found


def scraped(seed: int) -> Numbers:
    """The control of T5: exact numbers every quarter of an hour."""
    dice, comes = random.Random(seed), 3 / (DAYS_A_WEEK * 96)
    beliefs = list(membership_beliefs(every_scrape(comes, 20, dice), Gate(comes, m=1, delays=1), 0.5, dice))
    return _beliefs("T5, prior 0.5", beliefs, 0.95)


def _beliefs(what: str, beliefs: Sequence[Belief], limit: float) -> dict[str, float]:
    sure = sum(max(one.posterior, 1 - one.posterior) > limit for one in beliefs)
    right = sum((one.posterior >= 0.5) == one.true for one in beliefs)
    guess = sum((one.prior >= 0.5) == one.true for one in beliefs)
    members = [one.posterior for one in beliefs if one.true]
    numbers = {"targets": len(beliefs), "certain": sure, "right": right, "guess": guess}
    return {f"{what}: {name}": n for name, n in (numbers | {"members": len(members), "posterior": sum(members)}).items()}


def useful(preset: str, rate: int, audited: bool, seed: int) -> Numbers:
    """Each measure with how often it could be taken; one that could not is in neither."""
    life = Life(rate, weeks=UTILITY_WEEKS.get(rate, 104) if audited else 104)
    found = utility(life, seed, Policy.model_validate({"preset": preset}), _audit(audited))
    there = {name: value for name, value in asdict(found).items() if not math.isnan(value)}
    return there | {f"{name} measured": 1 for name in there}
