"""Results that a tool writes for many cases into one file: read whole, but only what changed is put anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studyscope_contract.amount import amount
from studyscope_exporter.csv_table import NamesColumns, sentences
from studyscope_exporter.foreign_json import parsed
from studyscope_exporter.inventory import Inventory, Record
from studyscope_exporter.linking import CsvLink, FieldLink, Link, LinkProblem, PatternLink
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable, says_when_unavailable

MOST_BYTES = 1 << 28


class BadResults(NamesColumns):
    """The file as a whole holds no results; the message says what was expected."""


@dataclass
class CaseResults:
    """One record a case, and what is wrong with single cases: reasons with the cases' places in the file."""

    records: dict[str, Record] = field(default_factory=dict, repr=False)
    bad: dict[str, list[int]] = field(default_factory=dict)

    def refuse(self, place: int, reason: str) -> None:
        self.bad.setdefault(reason, []).append(place)


@dataclass(frozen=True)
class ResultsFile:
    """What every source of this form does with its file; `read` turns bytes into results, or raises BadResults."""

    source: str
    path: Path
    pseudonyms: Pseudonyms
    link: PatternLink | CsvLink | FieldLink | None
    read: Callable[[bytes, Link], CaseResults]

    @says_when_unavailable
    def check(self) -> list[Finding]:
        results = self.results()
        unlinked = sum(_is_unlinked(record) for record in results.records.values())
        cases = amount(len(results.records), "case")
        said = f"{self.path} can be read: {cases}, {unlinked} of them without a patient, study or series"
        bad = [Finding(False, f"{self.path}, {sentence}") for sentence in sentences(results.bad)]
        return [Finding(True, said), *bad]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        results = self.results()
        before = inventory.items(self.source)
        if before and not results.records:
            raise SourceUnavailable(
                f"{self.path} holds no case any more. If so meant, take it out of the site file.",
                temporary=True,
            )
        now = {self._item(case, record): record for case, record in results.records.items()}
        new = [item for item in now if item not in before]
        gone = before - now.keys()
        progress.total(len(now))
        with inventory.batch():
            for item in new:
                inventory.put(self.source, item, [now[item]])
            for item in gone:
                inventory.remove(self.source, item)
            inventory.link_results(self.source)
        progress.advance(len(now))
        unreadable = {reason: len(places) for reason, places in results.bad.items()}
        unlinked = inventory.unlinked(self.source)
        return ScanResult(len(now), len(new), len(gone), unreadable, {}, unlinked, sentences(results.bad))

    def results(self) -> CaseResults:
        """Raises SourceUnavailable."""
        try:
            link = Link.opened(self.link, self.pseudonyms)
            return self.read(read_bytes(self.path), link)
        except OSError as error:
            message = f"{error.filename} cannot be read ({error.strerror}); is it there, and may the exporter read it?"
            raise SourceUnavailable(message, temporary=True) from None
        except LinkProblem as problem:
            raise SourceUnavailable(str(problem), temporary=False, there=problem.there) from None
        except BadResults as problem:
            raise SourceUnavailable(f"{self.path} {problem}", temporary=False, there=problem.there) from None

    def _item(self, case: str, record: Record) -> bytes:
        """A key that changes with what the case says, so that an unchanged case is not put again."""
        return self.pseudonyms.path(f"{self.source}\0{case}\0{record!r}".encode("utf-8", "surrogateescape"))


def read_bytes(path: Path) -> bytes:
    """The file's bytes; raises OSError, and BadResults for a file that is larger than any list of results."""
    if path.stat().st_size > MOST_BYTES:
        raise BadResults("is larger than 256 MiB; is it the right file?")
    return path.read_bytes()


def parsed_json(raw: bytes) -> Any:
    """JSON as Python tools write it, bare NaN included; every text can be encoded; raises BadResults."""
    try:
        return parsed(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise BadResults("is not JSON in UTF-8; was it written to its end?") from None


def number(value: object) -> float | None:
    """A finite number, else None; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if found - found == 0.0 else None


def case_name(file_name: str) -> str:
    """What tools call a case: the name of its file without folders and ending."""
    name = file_name.replace("\\", "/").rsplit("/", 1)[-1]
    return next((name[: -len(ending)] for ending in (".nii.gz", ".nii", ".nrrd", ".mha", ".json") if name.endswith(ending)), name)


def _is_unlinked(record: Record) -> bool:
    keys: Mapping[str, bytes | None] = {
        name: getattr(record, name, None) for name in ("patient_key", "study_key", "image_series_key")
    }
    return not any(keys.values())
