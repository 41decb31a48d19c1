"""A consent register as a CSV table or .xlsx workbook: who may not be counted, and in which study.

RegisterProblem    the file cannot be used at all; the message says what to change
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import Field, model_validator

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.csv_table import Encoding, NamesColumns, TableProblem, day_of, rows_of, sentences


class RegisterProblem(NamesColumns):
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
    encoding: Encoding = "utf-8"
    sheet: str = Field(default="", max_length=31, description="of an .xlsx workbook; its first one when left out")
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
        return {reason.partition(";")[0]: len(lines) for reason, lines in self.bad.items()}

    def to_mend(self) -> list[str]:
        """A sentence for each thing that is wrong with a line."""
        return sentences(self.bad)


def read_register(raw: bytes, form: Format, today: dt.date) -> Register:
    """The register in `raw`; raises RegisterProblem. A withdrawal dated after `today` does not count yet."""
    register = Register()
    wanted = [name for name in form.columns.model_dump().values() if name is not None]
    try:
        for line, row in rows_of(raw, form.encoding, wanted, form.sheet):
            register.rows += 1
            _take(line, row, form, today, register)
    except TableProblem as problem:
        raise RegisterProblem(str(problem), problem.there) from None
    return register


def _take(line: int, row: Mapping[str, str], form: Format, today: dt.date, register: Register) -> None:
    columns, status = form.columns, row[form.columns.status].casefold()
    if not row[columns.patient]:
        register.bad.setdefault("no patient is named", []).append(line)
        return
    if status in {word.casefold() for word in form.words.given}:
        return
    if status not in {word.casefold() for word in form.words.withdrawn}:
        known = ", ".join((*form.words.given, *form.words.withdrawn))
        register.bad.setdefault(f"status not known; there are: {known}. The person still counts; mend the line", []).append(line)
        return
    text = row[columns.date] if columns.date else ""
    day = day_of(text, form.date_format)
    if text and day is None:
        register.bad.setdefault(f"date not as {form.date_format}; taken as withdrawn today", []).append(line)
    if day is None or day <= today:
        issuer, study = (row[name] if name else "" for name in (columns.issuer, columns.study))
        register.withdrawn.append(Entry(row[columns.patient], issuer, study, line))
