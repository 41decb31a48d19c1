"""A small study, its people and a disk that can die: what the tests of disclosure control share."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studyscope_contract.keys import SigningKey
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Policy
from studyscope_contract.report import SiteFacts
from studyscope_contract.study import Study
from studyscope_exporter.disclosure.approval import Approver
from studyscope_exporter.disclosure.audit import NoAudit
from studyscope_exporter.disclosure.contributions import Cell, Contributions
from studyscope_exporter.disclosure.domain import Domain

STATE_KEY = bytes(range(32))
SIGNING_KEY = SigningKey.generate()
OFFICER = SigningKey.generate()
SECOND_OFFICER = SigningKey.generate()
APPROVERS = (Approver("Officer", OFFICER.public.text), Approver("Second officer", SECOND_OFFICER.public.text))
FACTS = SiteFacts(release="0.1.0", study_version=1)
DAY = dt.date(2026, 1, 5)
POPULATION, STAGE, REACHED, SEX, MODALITY = (TableKey(name) for name in ("population", "stage", "reached", "sex", "modality"))
VOLUME, STATE = TableKey("structure_volume", "liver"), TableKey("structure_state", "liver")
TABLES = (POPULATION, STAGE, REACHED, SEX, MODALITY, VOLUME, STATE)
STAGES = ("imaged", "segmented", "reviewed")


def study(**changes: Any) -> Study:
    content: dict[str, Any] = {
        "schema": 1,
        "id": "liver-study",
        "title": "Livers",
        "version": 1,
        "leads": [{"name": "Lead", "mail": "lead@example.org"}],
        "sites": [
            {
                "id": "berlin",
                "name": "Berlin",
                "city": "Berlin",
                "latitude": 52.5,
                "longitude": 13.4,
                "member_from": "2025-01-01",
            }
        ],
        "stages": list(STAGES),
        "structures": [{"code": "liver", "label": "Liver"}],
    }
    return Study.model_validate(content | changes)


STUDY = study()


class Seeded:
    """Secret numbers that a test can repeat."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, n: int) -> int:
        return self._random.randrange(n)


@dataclass
class Person:
    """A patient as the collectors would describe them."""

    sex: str = "F"
    stage: int = 0
    modalities: frozenset[str] = frozenset({"CT"})
    volume: str = "1600.0"
    state: str = "present"


@dataclass
class Hospital:
    """People by key; `contributions` is what the collectors would count today."""

    people: dict[bytes, Person] = field(default_factory=dict)

    def admit(self, count: int, start: int = 0, **attributes: Any) -> list[bytes]:
        keys = [patient_key(start + i) for i in range(count)]
        self.people.update({key: Person(**attributes) for key in keys})
        return keys

    def contributions(self) -> Contributions:
        people = self.people.items()
        segmented = {key: person for key, person in people if person.stage >= 1}
        return Contributions(
            {
                POPULATION: {key: frozenset({()}) for key in self.people},
                STAGE: {key: one(STAGES[person.stage]) for key, person in people},
                REACHED: {key: frozenset((stage,) for stage in STAGES[: person.stage + 1]) for key, person in people},
                SEX: {key: one(person.sex) for key, person in people},
                MODALITY: {key: frozenset((code,) for code in person.modalities) for key, person in people},
                VOLUME: {key: one(person.volume) for key, person in segmented.items() if person.state == "present"},
                STATE: {key: one(person.state) for key, person in segmented.items()},
            }
        )


def patient_key(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


def one(code: str) -> frozenset[Cell]:
    return frozenset({(code,)})


@contextmanager
def opened(folder: Path, seed: int = 1, *, approve: bool = True, **changes: Any) -> Iterator[Domain]:
    """The domain in `folder`, every table approved by both officers."""
    settings: dict[str, Any] = {
        "site": "berlin",
        "study": STUDY,
        "policy": Policy(),
        "state_key": STATE_KEY,
        "signing_key": SIGNING_KEY,
        "approvers": APPROVERS,
        "release": "0.1.0",
        "random": Seeded(seed),
        "audit": NoAudit(),
    }
    with Domain.open(folder, **(settings | changes)) as domain:
        if approve and domain.status().activity == "active" and domain.pending_approvals():
            for officer in (OFFICER, SECOND_OFFICER):
                domain.approve(domain.pending_approvals() or [POPULATION], officer, DAY)
        yield domain


Vector = dict[Cell, int]


def vectors(report: Any) -> dict[TableKey, Vector]:
    """The numbers of a signed report, by table and cell."""
    return {TableKey(table.table, table.per): {cell.codes: cell.value for cell in table.cells} for table in report.report.tables}


def versions(report: Any) -> dict[TableKey, int]:
    return {TableKey(table.table, table.per): table.version for table in report.report.tables}


class Died(BaseException):
    """The machine stopped here."""


@dataclass
class MemoryDisk:
    """Files of which only what was synced is sure to survive; dies at the `fuse`-th operation.

    At death, a file that was not synced keeps `torn` parts in four of what was written to it, and a
    rename that was not synced happened or not as `renamed` says.
    """

    fuse: int | None = None
    torn: int = 0
    renamed: bool = False
    steps: int = 0
    live: dict[str, bytes] = field(default_factory=dict)
    safe: dict[str, bytes] = field(default_factory=dict)
    renames: list[tuple[str, str]] = field(default_factory=list)

    def read(self, name: str) -> bytes | None:
        return self.live.get(name)

    def write(self, name: str, content: bytes) -> None:
        self._step(lambda: self.live.__setitem__(name, content))

    def append(self, name: str, content: bytes) -> None:
        self._step(lambda: self.live.__setitem__(name, self.live.get(name, b"") + content))

    def truncate(self, name: str, size: int) -> None:
        self._step(lambda: self.live.__setitem__(name, self.live[name][:size]))

    def sync(self, name: str) -> None:
        self._step(lambda: self.safe.__setitem__(name, self.live[name]))

    def rename(self, old: str, new: str) -> None:
        def both() -> None:
            self.live[new] = self.live.pop(old)
            self.renames.append((old, new))

        self._step(both)

    def sync_folder(self) -> None:
        self._step(self._settle)

    def _settle(self) -> None:
        for old, new in self.renames:
            self.safe[new] = self.safe.pop(old)
        self.renames.clear()

    def _step(self, act: Any) -> None:
        if self.fuse is not None and self.steps >= self.fuse:
            act_first = self.steps == self.fuse
            self.steps += 1
            if act_first:
                act()
            raise Died
        self.steps += 1
        act()

    def rebooted(self) -> MemoryDisk:
        """The disk after power came back."""
        if self.renamed:
            self._settle()
        for _, new in self.renames:
            self.live.pop(new)  # the old name comes back with its synced content
        survived: Mapping[str, bytes] = {name: self._survivor(name) for name in self.live.keys() | self.safe.keys()}
        left = {name: content for name, content in survived.items() if content or name in self.safe}
        return MemoryDisk(live=dict(left), safe=dict(left))

    def _survivor(self, name: str) -> bytes:
        safe, live = self.safe.get(name, b""), self.live.get(name, b"")
        if not live.startswith(safe):
            return safe
        added = live[len(safe) :]
        return safe + added[: len(added) * self.torn // 4]
