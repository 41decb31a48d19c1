"""The site's register of consent: a CSV table or .xlsx workbook that says who may not be counted any more.

At every pass those who withdrew are taken out of the studies, as the command `withdraw` does it: at
once and for good. A register that is down or lost, or a line that is gone, brings nobody back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from studyscope_contract.amount import amount
from studyscope_contract.names import Slug
from studyscope_exporter.consent_register import Format, Register, RegisterProblem, read_register
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable, says_when_unavailable

EVERY_STUDY = ""
UNKNOWN_STUDY = (
    "study not of this site; nobody was withdrawn. Say under `studies` of the source which one it is, or null for none"
)


class Settings(Format):
    """Where the register is and how it is written."""

    name: Slug
    kind: Literal["consent"]
    path: SitePath
    issuer: str = Field(
        default="", max_length=64, description="Issuer of Patient ID where a line names none; the site's default when left out"
    )
    studies: dict[str, Slug | None] = Field(
        default_factory=dict,
        description="a study's name in the register -> its id here; null for one that this site file has not",
    )


@dataclass(frozen=True)
class ConsentSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        register = self._read()
        list(self._named(register))
        good = Finding(True, f"{self.settings.path} can be read: {amount(register.rows, 'line')}")
        return [good, *(Finding(False, f"{self.settings.path}, {sentence}") for sentence in register.to_mend())]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        register = self._read()
        progress.total(register.rows)
        known, now = withdrawn_patients(inventory, self.name), frozenset(self._named(register))
        _keep(inventory, self.name, known | now)
        progress.advance(register.rows)
        return ScanResult(seen=register.rows, read=len(now - known), unreadable=register.bad_lines(), to_mend=register.to_mend())

    def _named(self, register: Register) -> Iterator[tuple[bytes, str]]:
        """Who withdrew from which study; a study that nobody knows here becomes a bad line."""
        for one in register.withdrawn:
            study = self.settings.studies.get(one.study, one.study) if one.study else EVERY_STUDY
            if study in (EVERY_STUDY, *self.site.studies):
                yield self.site.pseudonyms.patient(one.patient_id, one.issuer or self.settings.issuer), study
            elif study is not None:
                register.bad.setdefault(UNKNOWN_STUDY, []).append(one.line)

    def _read(self) -> Register:
        path = self.settings.path
        try:
            return read_register(path.read_bytes(), self.settings, self.site.now().date())
        except OSError as error:
            message = (
                f"{path} cannot be read ({error.strerror}); is it there, and may the exporter read it? Nobody is brought back"
            )
            raise SourceUnavailable(message, temporary=True) from None
        except RegisterProblem as problem:
            raise SourceUnavailable(f"{path} {problem}. Nobody is brought back", temporary=False, there=problem.there) from None


def withdrawn_patients(inventory: Inventory, source: str) -> frozenset[tuple[bytes, str]]:
    """Everybody whom the source ever named as withdrawn: patient key, and the study's id or EVERY_STUDY."""
    kept: Mapping[str, list[str]] = json.loads(inventory.note(source) or b"{}")
    return frozenset((bytes.fromhex(patient), study) for patient, studies in kept.items() for study in studies)


def _keep(inventory: Inventory, source: str, withdrawn: frozenset[tuple[bytes, str]]) -> None:
    kept: dict[str, list[str]] = {}
    for patient, study in sorted(withdrawn):
        kept.setdefault(patient.hex(), []).append(study)
    inventory.keep_note(source, json.dumps(kept).encode())


def open_source(settings: Settings, site: SiteContext) -> ConsentSource:
    """The source that `settings` describe."""
    return ConsentSource(settings, site)
