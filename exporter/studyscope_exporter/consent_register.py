"""A consent register as a CSV table: who may not be counted, and in which study.

RegisterProblem    the file cannot be used at all; the message says what to change
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, model_validator

from studyscope_contract.yaml_file import Strict

MOST_LINES_NAMED = 10


class RegisterProblem(Exception):
    """The file as a whole cannot be used."""


class Columns(Strict):
    """What the columns of the file are called; `issuer`, `study` and `date` may be left out."""

    patient: str = "PatientID"
    issuer: str | None = None
    study: str | None = None
    status: str = "status"
    date: str | None = None


class Words(Strict):
    """What stands in the column `status`; upper and lower case are the same."""

    given: tuple[str, ...] = ("given", "yes", "consented")
    withdrawn: tuple[str, ...] = ("withdrawn", "no", "refused", "revoked")

    @model_validator(mode="after")
    def _differ(self) -> Words:
        both = {word.casefold() for word in self.given} & {word.casefold() for word in self.withdrawn}
        if both:
            raise ValueError(f"{', '.join(sorted(both))}: stands under given and under withdrawn")
        return self


class Format(Strict):
    """How the file is to be read."""

    columns: Columns = Columns()
    words: Words = Words()
    encoding: Literal["utf-8", "cp1252", "latin-1", "utf-16"] = "utf-8"
    date_format: str = Field(default="%Y-%m-%d", description="as in Python's strptime; German dates are '%d.%m.%Y'")


@dataclass(frozen=True)
class Entry:
    """One person who withdrew; `study` is the register's own name of a study, "" for all of them."""

    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    study: str
    line: int


@dataclass
class Register:
    """What a file said. `bad` gives, by reason, the lines that were passed over; nothing in it names anybody."""

    rows: int = 0
    withdrawn: list[Entry] = field(default_factory=list, repr=False)
    bad: dict[str, list[int]] = field(default_factory=dict)

    def bad_lines(self) -> dict[str, int]:
        """How many lines are wrong, by the first words of what is wrong."""
        return {re.split("[:;]", reason)[0]: len(lines) for reason, lines in self.bad.items()}

    def to_mend(self) -> list[str]:
        """A sentence for each thing that is wrong with a line."""
        return [f"{_lines(numbers)}: {reason}" for reason, numbers in sorted(self.bad.items())]


def read_register(raw: bytes, form: Format, today: dt.date) -> Register:
    """The register in `raw`; raises RegisterProblem. A withdrawal dated after `today` does not count yet."""
    register = Register()
    for line, row in _rows(raw, form):
        register.rows += 1
        _take(line, row, form, today, register)
    return register


def _take(line: int, row: Mapping[str, str], form: Format, today: dt.date, register: Register) -> None:
    columns, status = form.columns, row[form.columns.status].casefold()
    if not row[columns.patient]:
        register.bad.setdefault("names no patient", []).append(line)
        return
    if status in {word.casefold() for word in form.words.given}:
        return
    if status not in {word.casefold() for word in form.words.withdrawn}:
        known = ", ".join((*form.words.given, *form.words.withdrawn))
        register.bad.setdefault(f"the status is none of: {known}. The person still counts; mend the line", []).append(line)
        return
    text = row[columns.date] if columns.date else ""
    try:
        day = dt.datetime.strptime(text, form.date_format).date() if text else today  # noqa: DTZ007 - a day
    except ValueError:
        day = today
        register.bad.setdefault(f"the date is not as {form.date_format}; taken as withdrawn today", []).append(line)
    if day <= today:
        issuer, study = (row[name] if name else "" for name in (columns.issuer, columns.study))
        register.withdrawn.append(Entry(row[columns.patient], issuer, study, line))


def _rows(raw: bytes, form: Format) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each row with its line in the file, texts stripped."""
    try:
        text = raw.decode("utf-8-sig" if form.encoding == "utf-8" else form.encoding)
    except UnicodeError:
        raise RegisterProblem(
            f"is not {form.encoding}; save it as UTF-8, or set `encoding` (Excel in western Europe: cp1252)"
        ) from None
    head = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), restval="")
    try:
        there = [name.strip() for name in rows.fieldnames or ()]
        rows.fieldnames = there
        wanted = [name for name in form.columns.model_dump().values() if name is not None]
        for name in wanted:
            if name not in there:
                raise RegisterProblem(f"has no column {name!r}; there are: {', '.join(there) or 'none'}")
        for row in rows:
            yield rows.line_num, {name: (row[name] or "").strip() for name in wanted}
    except csv.Error as error:
        raise RegisterProblem(f"is no CSV table at line {rows.line_num}: {error}") from None


def _lines(numbers: list[int]) -> str:
    named = ", ".join(map(str, numbers[:MOST_LINES_NAMED]))
    more = f" and {len(numbers) - MOST_LINES_NAMED} more" if len(numbers) > MOST_LINES_NAMED else ""
    return f"line{'s' if len(numbers) > 1 else ''} {named}{more}"
