"""From exact counts to the numbers that are shown (privacy.md 2.1, steps 6 to 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from studyscope_contract.metric import Kind, Table
from studyscope_contract.policy import Parameters
from studyscope_exporter.disclosure.census import Exact
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.histogram import merged_edges, summed
from studyscope_exporter.disclosure.magnitude import shown_sum

Shown = tuple[tuple[Cell, int], ...]
"""Visible cells with their numbers, in the order of the study's codes."""


def shown_cells(
    table: Table,
    codes: tuple[Cell, ...],
    counts: Mapping[Cell, int],
    *,
    patients: int,
    population: int,
    parameters: Parameters,
    before: Shown,
) -> Shown:
    """The visible cells of `table`.

    `patients` contribute to it, `population` is the domain's size; `before` is what the table last
    showed under these parameters, from which a histogram takes its edges.
    """
    if table.kind is Kind.MAGNITUDE:
        total = shown_sum(table, counts, parameters)
        return () if total is None else (((), total),)
    if table.kind is Kind.HISTOGRAM:
        cells = _histogram(codes, counts, parameters, before)
    else:
        cells = [(code, counts.get(code, Exact(0))) for code in codes]
    shown = [(code, parameters.published(count)) for code, count in cells]
    if table.sensitive:
        everybody = {parameters.published(patients), parameters.published(population)}
        by_group = _group_sizes(table, cells)
        shown = [(code, number) for code, number in shown if number not in everybody | {parameters.published(by_group(code))}]
    return tuple((code, number) for code, number in shown if number is not None)


def _group_sizes(table: Table, cells: Sequence[tuple[Cell, int]]) -> Callable[[Cell], int]:
    """How many are in the subgroup of a cell: in a two-way table a result that all of a subgroup share is withheld too."""
    sizes: dict[str, int] = {}
    if table.kind is Kind.TWO_WAY:
        for code, count in cells:
            sizes[code[-1]] = sizes.get(code[-1], 0) + count
    return lambda code: Exact(sizes.get(code[-1], 0)) if code else Exact(0)


def _histogram(
    codes: tuple[Cell, ...], counts: Mapping[Cell, int], parameters: Parameters, before: Shown
) -> list[tuple[Cell, int]]:
    fine = [counts.get(code, Exact(0)) for code in codes]
    ends = merged_edges(fine, parameters.s, [codes.index(code) for code, _ in before if code in codes])
    return list(zip([codes[end] for end in ends], summed(fine, ends), strict=True)) if ends else []
