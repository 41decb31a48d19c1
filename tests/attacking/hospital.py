"""A simulated hospital behind the real pipeline: gate, stepping, snapshots, bins and, where asked, the witness audit.

Only what must be fast is left out of a `Domain`: the folder, the seals and the signatures. What an
attacker sees is made by the function that makes the tables of a real report.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from attacking.people import DAYS_A_WEEK, NEVER, Life, People, of_structure, people
from disclosure_cast import OFFICER, SECOND_OFFICER, STAGES, study
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Policy
from studyscope_contract.study import Cohort, Study
from studyscope_exporter.attack.published import Moment, PublishedHistory, moved_since
from studyscope_exporter.disclosure.approval import Approval
from studyscope_exporter.disclosure.audit import Audit, NoAudit
from studyscope_exporter.disclosure.census import ABSENT, Answer, Column, Roster, roster_of
from studyscope_exporter.disclosure.contributions import POPULATION, Cell
from studyscope_exporter.disclosure.crossing import crossed
from studyscope_exporter.disclosure.gate import Counted
from studyscope_exporter.disclosure.neighbours import Neighbour
from studyscope_exporter.disclosure.opening import opened_state
from studyscope_exporter.disclosure.reporting import shown_tables
from studyscope_exporter.disclosure.state import State
from studyscope_exporter.disclosure.stepping import stepped
from studyscope_exporter.disclosure.terms import Terms

FIRST_POINT = 20_000
WORKFLOWS = [{"id": "segment", "title": "Segmentation", "model": "net", "version": "1"}]
STUDY = study(workflows=WORKFLOWS)
STAGE, REACHED, SEX, AGE, VENDOR = (TableKey(name) for name in ("stage", "reached", "sex", "age_band", "vendor"))
MODALITY, STATE, VOLUME = TableKey("modality"), TableKey("structure_state", "liver"), TableKey("structure_volume", "liver")
OUTCOME = TableKey("job_outcome", "segment")
ONE_WAY = (POPULATION, STAGE, REACHED, SEX, AGE, VENDOR, MODALITY, STATE, VOLUME, OUTCOME)
DECIDED, AGREED = TableKey("classification_result", "malignancy"), TableKey("classification_outcome", "malignancy")
DECISION = np.array(
    [0, 1, 1, 0], dtype=np.int32
)  # positive, negative: what was decided on true and false positives and negatives
MODALITIES = (("CT",), ("MR",), ("CT", "MR"), ("CT", "PT"))
Chosen = NDArray[np.bool_]
"""Per patient, whether the study is about them."""
TWO_WAY = ("stage_by_sex", "structure_state_by_sex")


@dataclass(frozen=True)
class Behind:
    """The truth behind a version, for judging an attack: never an attacker's."""

    cells: Mapping[Cell, int]
    patients: int
    members: Column = field(repr=False)  # number of each patient's answer, or ABSENT
    frozen_at: int


@dataclass(frozen=True)
class Lived:
    """A history as it was published, and the truth behind each version of it."""

    published: PublishedHistory
    truth: Mapping[tuple[TableKey, int], Behind]
    people: People
    answers: tuple[Answer, ...]
    holds: int
    asked: int  # releases that the audit was asked about


def patient_key(index: int) -> bytes:
    return (index + 1).to_bytes(16, "big")


class Dice:
    """Secret numbers that a simulation can repeat."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, n: int) -> int:
        return self._random.randrange(n)


def terms_of(policy: Policy, of: Study = STUDY) -> Terms:
    told = {key.table for key in (*ONE_WAY, DECIDED, AGREED)}
    refused = tuple(sorted({key.table for key, _ in of.tables()} - told - set(policy.two_way)))
    return Terms.of(of, "berlin", policy.model_copy(update={"refuse": refused}))


def lived(life: Life, seed: int, policy: Policy, audit: Audit | None = None, later: Mapping[int, Policy] | None = None) -> Lived:
    """The history of one hospital under `policy`, and from the weeks in `later` on under other ones."""
    return lived_by(people(life, seed), life.weeks, seed, policy, audit, later, of=study_of(life))


def study_of(life: Life) -> Study:
    """The study that such a hospital takes part in."""
    if life.structures == 1 and not life.classified:
        return STUDY
    further = [{"code": f"s{number}", "label": f"Structure {number}"} for number in range(1, life.structures)]
    structures = [{"code": "liver", "label": "Liver"}, *further]
    classifiers = [{"id": AGREED.per, "title": "Malignancy", "positive": ["malignant"]}] if life.classified else []
    return study(workflows=WORKFLOWS, structures=structures, classifiers=classifiers)


def lived_by(
    ours: People, weeks: int, seed: int, policy: Policy, audit: Audit | None = None,
    later: Mapping[int, Policy] | None = None, cohorts: Mapping[int, Chosen] | None = None, *, unsaid: bool = False,
    of: Study = STUDY,
) -> Lived:  # fmt: skip
    """As `lived`, of these people. From the weeks in `cohorts` on the study is about those chosen there only."""
    terms = terms_of(policy, of)
    answers = _answers(terms)
    roster = roster_of(patient_key(index) for index in range(len(ours)))
    dice = Dice(seed)
    walk = _Walk(_begun(terms, roster, answers, dice), terms, ours, audit or NoAudit(), dice)
    acts: dict[int, list[Callable[[], None]]] = {}
    for week, other in (later or {}).items():
        acts.setdefault(week * DAYS_A_WEEK, []).append(partial(walk.change, other))
    for week, chosen in (cohorts or {}).items():
        acts.setdefault(week * DAYS_A_WEEK, []).append(partial(walk.choose, chosen, unsaid=unsaid))
    for day in _days(walk, [*ours.event_days(), *acts], weeks * DAYS_A_WEEK):
        for act in acts.pop(day, ()):
            act()
        walk.step(day)
    return walk.lived()


def lived_together(
    ours: People, weeks: int, seed: int, policy: Policy, *, both: tuple[Chosen, Chosen], told: bool, audit: Audit | None = None
) -> tuple[Lived, Lived]:
    """Two studies of one hospital from the first day, about those chosen for each. `told`: each knows whom the other counted."""
    roster, walks = roster_of(patient_key(index) for index in range(len(ours))), []
    for place, chosen in enumerate(both):
        terms, dice = terms_of(policy, STUDY.model_copy(update={"id": f"{STUDY.id}-{place}"})), Dice(2 * seed + place)
        answers = _answers(terms)
        walks.append(_Walk(_begun(terms, roster, answers, dice), terms, ours, audit or NoAudit(), dice))
        walks[place].choose(chosen, unsaid=True)
    events = {day for event in ours.event_days() for day in (event, event + 1)}
    for day in range(weeks * DAYS_A_WEEK):
        for walk, other in (walks, reversed(walks)):
            if day in events or walk.is_due(FIRST_POINT + day):
                walk.step(day, (other.as_neighbour(day),) if told else ())
    first, second = (walk.lived() for walk in walks)
    return first, second


def _days(walk: _Walk, events: list[int], days: int) -> Iterator[int]:
    """Days on which something can move: somebody came, changed or left the day before, or a release is due."""
    eventful = {day for event in events for day in (event, event + 1)}
    for day in range(days):
        if day in eventful or walk.is_due(FIRST_POINT + day):
            yield day


def _begun(terms: Terms, roster: Roster, answers: tuple[Answer, ...], dice: Dice) -> State:
    state, _ = opened_state(None, terms, dice, "0.1.0")
    return replace(_approved(state, terms), roster=roster, answers=answers)


def _approved(state: State, terms: Terms) -> State:
    definitions = {key: terms.definitions[key] for key in terms.tables if not terms.refused(key)}
    day = dt.date(2026, 1, 5)
    approvals = tuple(Approval.sign(definitions, terms.policy, officer, day) for officer in (OFFICER, SECOND_OFFICER))
    return replace(state, approvals=(*state.approvals, *approvals))


def _answers(terms: Terms) -> tuple[Answer, ...]:
    single = {frozenset({cell}) for key in (*ONE_WAY, DECIDED, AGREED) for cell in terms.codes.get(key, ())}
    reached = {frozenset((stage,) for stage in STAGES[: n + 1]) for n in range(len(STAGES))}
    modalities = {frozenset((code,) for code in codes) for codes in MODALITIES}
    return tuple(sorted(single | reached | modalities, key=sorted))


class _Walk:
    """One hospital, from day to day."""

    def __init__(self, state: State, terms: Terms, ours: People, audit: Audit, dice: Dice) -> None:
        self.state, self._terms, self._people, self._audit, self._dice = state, terms, ours, audit, dice
        self._numbers = {answer: number for number, answer in enumerate(state.answers)}
        self._fixed = {key: self._lookup(key, name) for key, name in ((SEX, "sex"), (AGE, "age_band"), (VENDOR, "vendor"))}
        self.moments: list[Moment] = []
        self.truth: dict[tuple[TableKey, int], Behind] = {}
        self._before = shown_tables(state, terms)
        self.holds = self.asked = 0
        self._other_rules, self._version, self._policy = False, 1, terms.policy
        self._chosen: Chosen = np.ones(len(ours), dtype=np.bool_)

    def change(self, policy: Policy) -> None:
        """The exporter starts again under another policy, and both officers approve everything at once."""
        self._terms, self._policy = terms_of(policy), policy
        state, opened = opened_state(self.state, self._terms, self._dice, "0.1.0")
        self.state, self._other_rules = _approved(state, self._terms), self._other_rules or opened is not None

    def choose(self, chosen: Chosen, *, unsaid: bool) -> None:
        """Another version of the study: other people are in its cohort. `unsaid` (a control): nobody notices that it is other."""
        self._chosen, self._version = chosen, self._version + 1
        if not unsaid:
            cohort = Cohort(acquired_from=dt.date(2020, 1, 1) + dt.timedelta(self._version))
            version = STUDY.model_copy(update={"cohort": cohort, "version": self._version})
            self._terms = terms_of(self._policy, version)
            state, opened = opened_state(self.state, self._terms, self._dice, "0.1.0")
            self.state, self._other_rules = _approved(state, self._terms), self._other_rules or opened is not None

    def codes(self) -> dict[TableKey, tuple[Cell, ...]]:
        return {key: codes for key, codes in self._terms.codes.items() if not self._terms.refused(key)}

    def is_due(self, point: int) -> bool:
        waiting = [self.state.waiting, *(table.waiting for table in self.state.tables.values())]
        return self.state.holds > 0 or any(one is not None and one.due <= point for one in waiting)

    def lived(self) -> Lived:
        published = PublishedHistory("berlin", STUDY.id, self.codes(), tuple(self.moments))
        return Lived(published, self.truth, self._people, self.state.answers, self.holds, self.asked)

    def as_neighbour(self, day: int) -> Neighbour:
        there, columns = self._there(day), self._columns(day)
        patients = [patient_key(index) for index in np.flatnonzero(there).tolist()]
        answers = {
            key: {patients[i]: self.state.answers[n] for i, n in enumerate(column[there].tolist()) if n != ABSENT}
            for key, column in columns.items()
        }
        return Neighbour(self._terms.study.id, self.state.roster[there], self.state.members(), answers, self.state.history)

    def step(self, day: int, beside: tuple[Neighbour, ...] = ()) -> None:
        point = FIRST_POINT + day
        columns, before = self._columns(day), self.state
        two_way, answers = crossed(columns, self.state.answers, self._terms)
        counted = Counted(replace(self.state, answers=answers), columns | two_way, beside)
        done = stepped(counted, point, self._terms, self._audit, self._dice)
        self.state = done.state
        if done.verdict is not None:
            self.asked += 1
            self.holds += not done.verdict.passed
        if done.moved or self._other_rules:
            self._publish(done.moved, before, point)

    def _publish(self, moved: frozenset[TableKey], before: State, point: int) -> None:
        now = shown_tables(self.state, self._terms)
        moment = moved_since(self._before, now, point, self._terms.parameters, other_rules=self._other_rules)
        self._before, self._other_rules = now, False
        if moment is not None:
            self.moments.append(moment)
        for key in moved:
            snapshot = self.state.table(key).snapshot
            assert snapshot is not None
            waiting = before.waiting if POPULATION in moved else before.table(key).waiting
            frozen_at = point if waiting is None else waiting.frozen_at
            cells = {cell: int(count) for cell, count in snapshot.counts(self.state.answers).items()}
            self.truth[key, point] = Behind(cells, int(snapshot.patients), snapshot.column, frozen_at)

    def _columns(self, day: int) -> dict[TableKey, Column]:
        ours = self._people
        there = self._there(day)
        stage = (day >= ours.segmented).astype(np.int32) + (day >= ours.reviewed)
        segmented = there & (stage >= 1)
        return {
            POPULATION: self._column(there, np.zeros_like(stage), [frozenset({()})]),
            STAGE: self._column(there, stage, [frozenset({(code,)}) for code in STAGES]),
            REACHED: self._column(there, stage, [frozenset((s,) for s in STAGES[: n + 1]) for n in range(len(STAGES))]),
            **{key: np.where(there, column, ABSENT).astype(np.int32) for key, column in self._fixed.items()},
            MODALITY: self._column(there, ours.of["modality"], [frozenset((c,) for c in codes) for codes in MODALITIES]),
            OUTCOME: self._column(segmented, ours.of["outcome"], self._singles(OUTCOME)),
            **self._structures(segmented),
            **self._decisions(segmented),
        }

    def _structures(self, segmented: Chosen) -> dict[TableKey, Column]:
        columns: dict[TableKey, Column] = {}
        for number, structure in enumerate(self._terms.study.structures):
            state = self._people.of[of_structure("state", number)]
            volume = self._people.of[of_structure("volume", number)] + 4
            columns[TableKey(STATE.table, structure.code)] = self._column(segmented, state, self._singles(STATE))
            present = segmented & (state == 0)
            columns[TableKey(VOLUME.table, structure.code)] = self._column(present, volume, self._singles(VOLUME))
        return columns

    def _decisions(self, segmented: Chosen) -> dict[TableKey, Column]:
        agreement = self._people.of.get("agreement")
        if agreement is None:
            return {}
        decided = self._column(segmented, DECISION[agreement], self._singles(DECIDED))
        return {DECIDED: decided, AGREED: self._column(segmented, agreement, self._singles(AGREED))}

    def _there(self, day: int) -> Chosen:
        return self._chosen & (self._people.joined <= day) & (day < self._people.left)

    def _singles(self, key: TableKey) -> list[Answer]:
        return [frozenset({cell}) for cell in self._terms.codes[key]]

    def _lookup(self, key: TableKey, name: str) -> Column:
        return self._column(self._people.joined < NEVER, self._people.of[name], self._singles(key))

    def _column(self, there: np.ndarray, choice: np.ndarray, answers: list[Answer]) -> Column:
        numbers = np.array([self._numbers[answer] for answer in answers], dtype=np.int32)
        return np.where(there, numbers[choice], ABSENT).astype(np.int32)
