"""Why cells of a table stay hidden, in plain words for the approver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from studyscope_contract.metric import Kind, Table
from studyscope_contract.policy import Parameters
from studyscope_exporter.before_release.words import SITUATIONS, cell_words
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.inference import Interval
from studyscope_exporter.disclosure.preview import TablePreview


@dataclass(frozen=True)
class Hidden:
    """Cells that stay hidden for one reason; the exact numbers stand in `words` where they may be told."""

    words: str
    why: str


def not_empty(preview: TablePreview, intervals: Sequence[Interval]) -> Mapping[Cell, tuple[int, int]]:
    """Hidden cells of which somebody outside can tell that they are not empty, with the least and the most that they can be."""
    of_table = (one for one in intervals if one.key == preview.key and one.shown is None)
    return {one.cell: (one.low, one.high) for one in of_table if one.low and one.high is not None}


def hidden_cells(
    preview: TablePreview, table: Table, codes: Sequence[Cell], parameters: Parameters, told: Mapping[Cell, tuple[int, int]],
    *, exact: bool,
) -> Iterator[Hidden]:  # fmt: skip
    """One for each reason. `told`: the cells of which `not_empty` knows. Without `exact` nothing says more than what leaves."""
    shown = {cell for cell, _ in (*preview.now, *preview.next)}
    hidden = [cell for cell in codes if cell not in shown]
    if table.kind is Kind.HISTOGRAM and shown:
        if hidden:
            yield Hidden(_many(len(hidden), "finer step"), "not told apart, counted together with the next one that is shown")
        return
    if not exact:
        if hidden and shown:
            few = f"fewer than {parameters.s} people, or nobody"
            which = f"{few}, are in it or beside it" if table.sensitive else few
            why = f"{which}: nobody outside can tell which"
            yield Hidden("; ".join(cell_words(table, cell) for cell in hidden), why)
        return
    yield from _hidden_with_counts(preview, table, hidden, parameters, told)


def _hidden_with_counts(
    preview: TablePreview, table: Table, hidden: Sequence[Cell], parameters: Parameters, told: Mapping[Cell, tuple[int, int]]
) -> Iterator[Hidden]:
    def said(cells: Sequence[Cell]) -> str:
        return "; ".join(f"{cell_words(table, cell)} ({preview.exact[cell]})" for cell in cells)

    under = [cell for cell in hidden if 0 < preview.exact.get(cell, 0) < parameters.s]
    few = [cell for cell in under if cell not in told]
    many = [cell for cell in hidden if preview.exact.get(cell, 0) >= parameters.s]
    nobody = len(hidden) - len(under) - len(many)
    if few:
        yield Hidden(said(few), f"fewer than {parameters.s} people; outside it looks the same as nobody")
    for cell in under:
        if cell in told:
            low, high = told[cell]
            outside = f"whoever has every number can work out {low} to {high}, which is no small group ({parameters.k} or more)"
            yield Hidden(said([cell]), f"fewer than {parameters.s} people, so not shown; {outside}")
    if many and preview.situation == "moves":
        yield Hidden(said(many), _few_others(table, parameters.s))
    elif many:
        yield Hidden(said(many), f"enough people, but: {SITUATIONS[preview.situation]}")
    if nobody and (under or many):
        yield Hidden(_many(nobody, "more code"), "nobody; outside it looks the same as a few")


def _few_others(table: Table, least: int) -> str:
    """Why a number of a sensitive table is not shown although enough people are in it (docs/decisions/0010)."""
    whole = "one of these subgroups" if table.kind is Kind.TWO_WAY else "the table"
    return (
        f"enough people, but fewer than {least} people of {whole} have another result, or nobody has. Whoever knows how many "
        f"there are in all could subtract, and count those few. It is shown once {least} people have another result"
    )


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
