"""What the audit of a release costs (T18): every version ever shown, and one more.

A hospital grows by 12 to 24 patients a version; every table moves each time; what the audit holds is tried again with
whoever came since, as an exporter does. Two sizes: 100 versions of 60 cells, of which the newest must be audited within
60 s on two cores, and 117 structures with 12 cells each, audited version after version for as long as a budget of
processor time allows (`--budget 3000` is enough for all hundred), the newest that passes within 60 s too. Two studies of
one hospital over nearly the same people, audited together, for 20 weeks. Then a whole release of a hospital with 50,000
imaging studies, from contributions to the signed report, without the scan: at most 5 minutes. The load of the machine is
printed: on a busy one the times say little.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from attacking.on_twins import twins
from attacking.people import Life
from disclosure_cast import FACTS, Hospital, opened, study
from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Policy
from studyscope_contract.study import Study
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.bins import shown_cells
from studyscope_exporter.disclosure.census import Exact
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.history import Beside, Release, TableVersion
from studyscope_exporter.disclosure.witness import WitnessAudit

VERSIONS = 100
PARAMETERS = Policy().parameters
EVERYBODY = ("population", "sex", "age_band", "vendor", "stage", "acquisition_year", "model_class", "modality", "body_part")
GOAL, GOAL_OF_RELEASE = 60.0, 300.0


@dataclass(frozen=True)
class Counts:
    """Who is in a table: everybody, or those who were found in a cell of another."""

    of: TableKey | None = None
    cell: Cell = ()


@dataclass(frozen=True)
class Kept:
    """One table: how likely each of its cells is, and which part of the patients is in it."""

    key: TableKey
    codes: tuple[Cell, ...]
    shares: NDArray[np.float64]
    part: Counts


EVERYBODY_IS = Counts()


class Hospitals:
    """Counts that grow with the hospital, version by version, as they would be shown."""

    def __init__(self, tables: Sequence[Kept]) -> None:
        self._tables, self._dice = tables, np.random.default_rng(18)
        self._counts = {one.key: np.zeros(len(one.codes), dtype=np.int64) for one in tables}
        self._patients = 0

    def grow(self, more: int) -> None:
        self._patients += more
        new: dict[TableKey, dict[Cell, int]] = {}
        for one in self._tables:
            number = more if one.part.of is None else new[one.part.of][one.part.cell]
            came = self._dice.multinomial(number, one.shares)
            new[one.key] = dict(zip(one.codes, came.tolist(), strict=True))
            self._counts[one.key] += came

    def candidate(self, history: Sequence[Release]) -> Release:
        number = len(history) + 1
        before = {version.key: version.shown for version in history[-1].tables} if history else {}
        versions = tuple(self._version(one, before.get(one.key, {}), number) for one in self._tables)
        return Release(100 + 14 * number, PARAMETERS, versions)

    def _version(self, one: Kept, before: Mapping[Cell, int], epoch: int) -> TableVersion:
        exact = dict(zip(one.codes, self._counts[one.key].tolist(), strict=True))
        inside = self._patients if one.part.of is None else sum(exact.values())
        shown = shown_cells(
            TABLES[one.key.table], one.codes, {code: Exact(count) for code, count in exact.items()},
            patients=inside, parameters=PARAMETERS, before=tuple(before.items()),
        )  # fmt: skip
        return TableVersion(one.key, epoch, one.codes, dict(shown), exact, inside)


def of_everybody(of: Study, cells: int) -> list[Kept]:
    """Tables of the whole population in which each patient is in one cell, until there are so many cells."""
    found, dice = list[Kept](), np.random.default_rng(1)
    for name in EVERYBODY:
        left = cells - sum(len(one.codes) for one in found)
        codes = of.codes(TABLES[name])[: max(left, 0)]
        if codes:
            found.append(Kept(TableKey(name), codes, dice.dirichlet(np.full(len(codes), 0.4)), EVERYBODY_IS))
    return found


def of_structures(number: int) -> list[Kept]:
    """State (3 cells) and volume (9) of so many structures, found in 70 to 99 of 100 patients."""
    of = study(structures=[{"code": f"s{i}", "label": f"Structure {i}"} for i in range(number)])
    found, dice = [Kept(TableKey("population"), ((),), np.ones(1), EVERYBODY_IS)], np.random.default_rng(2)
    segmented = Counts(TableKey("population"), ())
    for i in range(number):
        state, volume = TableKey("structure_state", f"s{i}"), TableKey("structure_volume", f"s{i}")
        there = dice.uniform(0.7, 0.99)
        shares = np.array([there, 0.8 * (1 - there), 0.2 * (1 - there)])
        found.append(Kept(state, of.codes(TABLES["structure_state"]), shares, segmented))
        codes = of.codes(TABLES["structure_volume"])[-9:]
        found.append(Kept(volume, codes, dice.dirichlet(np.full(9, 2.0)), Counts(state, ("present",))))
    return found


@dataclass(frozen=True)
class Took:
    """Seconds of one audit, by the clock and of processor."""

    seconds: float
    processor: float


class Timed:
    """The audit, with what each of its verdicts took."""

    def __init__(self) -> None:
        self.passed, self.held = list[Took](), list[Took]()

    def audit(self, history: Sequence[Release], candidate: Release, beside: Sequence[Beside] = ()) -> Verdict:
        start, processor = time.monotonic(), time.process_time()
        verdict = WitnessAudit().audit(history, candidate, beside)
        took = Took(time.monotonic() - start, time.process_time() - processor)
        (self.passed if verdict.passed else self.held).append(took)
        return verdict


def dearest(audits: Sequence[Took]) -> float:
    """Seconds of processor."""
    return max((one.processor for one in audits), default=0.0)


def audited(title: str, tables: Sequence[Kept], budget: float, goal: float | None) -> None:
    """Audits version after version until there are enough or the budget of processor time is over; prints the newest's cost."""
    hospital, history, dice, audit = Hospitals(tables), list[Release](), np.random.default_rng(3), Timed()
    cells, begun = sum(len(one.codes) for one in tables), time.process_time()
    hospital.grow(60)
    while len(history) < VERSIONS and time.process_time() - begun < budget:
        candidate = hospital.candidate(history)
        if audit.audit(history, candidate).passed:
            history.append(candidate)
        hospital.grow(int(dice.integers(12, 25)))
    whole = "" if len(history) == VERSIONS else f", where {budget:.0f} s of processor were over"
    newest = audit.passed[-1] if audit.passed else Took(0.0, 0.0)
    met = "" if goal is None else f", goal {goal:.0f} s: {'met' if newest.processor <= goal else 'MISSED'}"
    held = f"{len(audit.held)} candidates held (the dearest {dearest(audit.held):.1f} s of processor)"
    took = f"the newest audit {newest.seconds:.1f} s, {newest.processor:.1f} s of processor"
    print(f"{title}, {cells} cells: {len(history)} versions{whole}, {held}; {took}{met}", flush=True)


def two_studies(weeks: int) -> None:
    """Two studies of one hospital that gets eight patients a week, the second without nine who were there on the first day."""
    audit = Timed()
    both = twins(9, 2, Life(8, weeks=weeks), Policy(), told=True, audit=audit).both
    releases = " and ".join(str(len(one.published.moments)) for one in both)
    held = f"{len(audit.held)} held (the dearest {dearest(audit.held):.1f} s)"
    most = f"the dearest that passed {dearest(audit.passed):.1f} s of processor"
    print(f"two studies, {releases} releases of ten tables: {most}, {held}")


def released(patients: int) -> None:
    """One release of a hospital from contributions to the signed report; two studies for each patient."""
    dice, hospital = random.Random(5), Hospital()
    for number in range(patients):
        volume = dice.choice(["400.0", "800.0", "1200.0", "1600.0", "2000.0"])
        hospital.admit(1, start=number, sex=dice.choice("FM"), stage=dice.randrange(3), volume=volume)
    contributions = hospital.contributions()
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), audit=WitnessAudit()) as domain:
        start = time.monotonic()
        domain.release(contributions, FACTS, 100)
        seconds = time.monotonic() - start
    met = "met" if seconds <= GOAL_OF_RELEASE else "MISSED"
    print(f"release: {patients} patients with {2 * patients} studies: {seconds:.1f} s, goal {GOAL_OF_RELEASE:.0f} s: {met}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--budget", type=float, default=90.0, help="seconds of processor for each history (default: 90)")
    budget = arguments.parse_args().budget
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}")
    audited("whole tables", of_everybody(study(), 60), budget, GOAL)
    released(25_000)
    two_studies(20)
    audited("one structure", of_structures(1), budget, GOAL)
    audited("ten structures", of_structures(10), budget, None)
    audited("117 structures", of_structures(117), budget, GOAL)


if __name__ == "__main__":
    main()
