"""The preview on a terminal: the same content, shortened."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from studyscope_exporter.before_release.document import Document, Line, Section
from studyscope_exporter.waiting_words import tables_waiting

MARKS = {"new": "green", "changed": "cyan", "removed": "yellow", "same": ""}


def show(document: Document, console: Console, *, everything: bool) -> None:
    """Writes the document; `everything` names also tables of which nothing is shown."""
    console.print(f"[bold]Study {document.study}[/], report of {document.moment} to {document.recipient}", highlight=False)
    console.print("Policy: " + document.policy[0] + "; " + "; ".join(document.policy[1:4]), markup=False, highlight=False)
    if document.stopped:
        console.print(f"{document.activity.upper()}: {document.stopped}. No number moves.", style="bold red", markup=False)
    if document.exactly:
        console.print(f"EXACT NUMBERS LEAVE, small ones and 0 too: {'; '.join(document.exactly)}.", style="bold", markup=False)
        console.print(f"Why: {document.legal_basis}", markup=False, highlight=False)
    console.print(f"Audit: {document.verdict}", markup=False, highlight=False)
    for sentence in document.overlaps:
        console.print(f"Other study here: {sentence}", markup=False, highlight=False)
    console.print(_numbers(document))
    for unfilled in document.unfilled:
        of = f" of {', '.join(unfilled.parts)}" if unfilled.parts else ""
        console.print(f"{unfilled.name}{of}: waits for an approver; {unfilled.situation}", markup=False, highlight=False)
    for section in document.silent if everything else ():
        console.print(f"{section.name}: {section.situation}", markup=False, highlight=False)
        for hidden in section.hidden:
            console.print(f"  hidden: {hidden.words}: {hidden.why}", markup=False, highlight=False)
    for one in document.conclusions:
        if one.small:
            console.print(f"small: {one.table}, {one.group}: {one.sentence}", markup=False, highlight=False)
    console.print(f"The report would be {len(document.bytes)} bytes; write it with --bytes FILE.", highlight=False)
    if document.pending:
        console.print(f"{tables_waiting(document.pending)}. What is shown here is signed with:", highlight=False)
        console.print(document.command, markup=False, highlight=False, soft_wrap=True)


def _numbers(document: Document) -> Table:
    exact = ("exact (stays here)",) if document.exact else ()
    table = Table("table", "cell", "shown now", "shown next", *exact, "why", box=None, pad_edge=False)
    for section in document.sections:
        for place, line in enumerate(section.lines):
            _add(table, document, section, line, first=place == 0)
        for place, hidden in enumerate(section.hidden):
            name, why = ("", "") if section.lines or place else (section.name, section.situation)
            table.add_row(name, f"hidden: {hidden.words}", "–", "–", *([""] if document.exact else []), why or hidden.why)
        if not section.lines and not section.hidden:
            table.add_row(section.name, "", "–", "–", *([""] if document.exact else []), section.situation)
    return table


def _add(table: Table, document: Document, section: Section, line: Line, *, first: bool) -> None:
    exact = [_number(line.exact)] if document.exact else []
    name, why = (section.name, section.situation) if first else ("", "")
    table.add_row(name, line.words, _number(line.now), _number(line.next), *exact, why, style=MARKS[line.mark] or None)


def _number(value: int | None) -> str:
    return "–" if value is None else str(value)
