"""A lost state as a second look: what came out before the loss and after it, and how many people lie between."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from pathlib import Path

from disclosure_cast import FACTS, OFFICER, POPULATION, SECOND_OFFICER, Hospital, MemoryDisk, opened
from studyscope_exporter.disclosure.domain import Domain

DAY = dt.date(2026, 6, 1)
FIRST, DAYS = 100, 90


@dataclass(frozen=True)
class Window:
    """People whom the last version before the loss held and the first one after it did not, or the other way round.

    None where nothing moved any more.
    """

    people: int | None


def after_recovery(folder: Path, seed: int) -> Window:
    """A hospital whose state is lost on some day, recovered from its accepted reports and signed by two approvers."""
    dice, hospital = random.Random(seed), Hospital()
    hospital.admit(dice.randrange(10, 120))
    reports, point = [], FIRST
    with opened(folder, seed) as domain:
        for _ in range(dice.randrange(1, 20)):
            hospital.admit(dice.randrange(3), start=100 * point)
            reports.append(domain.release(hospital.contributions(), FACTS, point).report)
            before = _counted(domain)
            point += 1
    for path in folder.iterdir():
        path.unlink()
    with opened(folder, seed, approve=False) as domain:
        domain.recover(reports, reports[-1].sequence, (OFFICER, SECOND_OFFICER), DAY)
    with opened(folder, seed) as domain:
        for _ in range(DAYS):
            hospital.admit(2, start=100 * point)
            domain.release(hospital.contributions(), FACTS, point)
            now = _counted(domain)
            if now and now is not before:
                return Window(len(now ^ before))
            point += 1
    return Window(None)


def begun_anew(folder: Path, seed: int) -> Window:
    """The control: after the loss the site simply starts again, as one that never published anything."""
    dice, hospital = random.Random(seed), Hospital()
    hospital.admit(dice.randrange(20, 120))
    sets = []
    for part in ("before", "after"):
        with opened(folder / part, seed, files=MemoryDisk()) as domain:
            domain.release(hospital.contributions(), FACTS, FIRST)
            sets.append(_counted(domain))
        hospital.admit(dice.randrange(1, 9), start=10_000)
    return Window(len(sets[0] ^ sets[1]))


def _counted(domain: Domain) -> frozenset[bytes]:
    """Who is behind the newest version of the size: the secret that judges the attack."""
    state = domain._load().state
    assert state is not None
    snapshot = state.table(POPULATION).snapshot
    return frozenset() if snapshot is None else frozenset(state.roster[snapshot.column >= 0].tolist())
