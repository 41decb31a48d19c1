"""What sources share that read a table which people keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from studyscope_exporter.csv_table import Encoding, TableProblem, rows_of, sentences
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.source import Finding, ScanResult, SourceUnavailable

MOST_BYTES = 1 << 28

Line = TypeVar("Line")


class PatientColumns(NamedTuple):
    """Where a line names its patient: the column, that of the issuer where there is one, and the issuer otherwise."""

    patient: str
    issuer: str | None
    otherwise: str


@dataclass
class LinesRead:
    """How many lines of a table were read, and by what is wrong with them the numbers of the lines that do not count."""

    rows: int = 0
    bad: dict[str, list[int]] = field(default_factory=dict)

    def counted(self, table: Path, lines: Iterable[Line]) -> Iterator[Line]:
        """Each of the `lines` of `table`; raises SourceUnavailable where they cannot be read."""
        with readable(table):
            for line in lines:
                self.rows += 1
                yield line

    def patient(self, line: int, row: Mapping[str, str], columns: PatientColumns, pseudonyms: Pseudonyms) -> bytes | None:
        """The key of the patient whom a line names; None where it names none, which is said."""
        if not row[columns.patient]:
            self.refuse(line, "names no patient")
            return None
        issuer = (row[columns.issuer] if columns.issuer else "") or columns.otherwise
        return pseudonyms.patient(row[columns.patient], issuer)

    def scanned(self, new: int, gone: int = 0, unlinked: int = 0) -> ScanResult:
        """The result of a scan that found so much `new` and so much `gone`."""
        unreadable = dict[str, int]()
        for reason, lines in self.bad.items():
            what, _, _ = reason.partition(";")
            unreadable[what] = unreadable.get(what, 0) + len(lines)
        return ScanResult(self.rows, new, gone, unreadable, {}, unlinked, sentences(self.bad))

    def refuse(self, line: int, reason: str) -> None:
        """Says what is wrong with a line, after a semicolon what to do about it or what it is taken for."""
        self.bad.setdefault(reason, []).append(line)


def table_bytes(table: Path) -> bytes:
    """The file's bytes; raises OSError, and TableProblem for one that is larger than any list of people."""
    if table.stat().st_size > MOST_BYTES:
        raise TableProblem("is larger than 256 MiB; is it the right file?")
    return table.read_bytes()


def table_lines(
    table: Path, encoding: Encoding, wanted: Sequence[str], sheet: str = ""
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """As csv_table.rows_of, of a file that is opened when the first line is asked for. Raises OSError and TableProblem."""
    yield from rows_of(table_bytes(table), encoding, wanted, sheet)


@contextmanager
def readable(table: Path) -> Iterator[None]:
    """Around the reading of `table` and of what it names; what cannot be read, or is no table, raises SourceUnavailable."""
    try:
        yield
    except OSError as error:
        message = f"{error.filename} cannot be read ({error.strerror}); is it there, and may the exporter read it?"
        raise SourceUnavailable(message, temporary=True) from None
    except TableProblem as problem:
        raise SourceUnavailable(f"{table} {problem}", temporary=False, there=problem.there) from None


def findings(table: Path, seen: str, bad: Mapping[str, Sequence[int]]) -> list[Finding]:
    """The self-check of a table that was read: what was `seen` in it, and a sentence for each thing that is wrong with lines."""
    return [Finding(True, f"{table} can be read: {seen}"), *(Finding(False, f"{table}, {words}") for words in sentences(bad))]
