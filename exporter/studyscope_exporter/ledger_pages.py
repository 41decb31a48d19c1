"""The ledger on paper and in a spreadsheet: which of its lines, and how they are printed."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from studyscope_contract.amount import amount
from studyscope_exporter.ledger_words import Entry


def between(found: Iterable[Entry], since: dt.date | None, until: dt.date | None) -> Iterator[Entry]:
    """Those of the days from `since` to `until`, both included."""
    for one in found:
        after = since is None or (one.day is not None and one.day >= since)
        before = until is None or one.day is None or one.day <= until
        if after and before:
            yield one


def shortened(found: Iterable[Entry]) -> list[Entry]:
    """With reports in which nothing changed counted with the line before them."""
    short: list[Entry] = []
    for one in found:
        if short and one.sequence is not None and not one.values and not one.facts and short[-1].sequence is not None:
            short[-1] = replace(short[-1], repeats=short[-1].repeats + 1)
        else:
            short.append(one)
    return short


def as_text(found: Sequence[Entry], recipient: str) -> Iterator[str]:
    """In plain words, a block a line of the ledger."""
    for one in found:
        yield f"{one.number:>6}  {one.day or 'no day'!s:<10}  {one.what}"
        if one.sequence is not None and (one.values or one.facts):
            yield f"                    to {one.recipient or recipient}; receipt: {one.receipt or 'none kept here'}"
        if one.facts:
            yield f"                    of the installation: {one.facts}"
        table = None
        for value in one.values:
            if value.table != table:
                table = value.table
                by = " and ".join(value.approvers) or "nobody: the table is not shown any more"
                yield f"                    {value.title} [{value.table}], approved by {by}"
            number = "" if value.value is None else f"{value.value:>8,}  "
            yield f"                      {number}{value.cell}"
        if one.repeats:
            yield f"                    then {amount(one.repeats, 'report')} with the same numbers"


def as_csv(found: Sequence[Entry], recipient: str) -> str:
    """One row for each number that left, for a spreadsheet."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["line", "day", "report", "recipient", "table", "cell", "value", "policy", "approved by", "receipt"])
    for one in found:
        for value in one.values:
            shown = "" if value.value is None else value.value
            by = " and ".join(value.approvers)
            place = [one.number, one.day or "", one.sequence, one.recipient or recipient]
            rows.writerow([*place, value.table, value.cell, shown, value.policy, by, one.receipt or ""])
    return text.getvalue()
