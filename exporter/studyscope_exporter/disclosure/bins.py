"""From exact counts to the numbers that are shown (privacy.md 2.1, steps 6 to 8)."""

from __future__ import annotations

from collections.abc import Mapping

from studyscope_contract.metric import Kind, Table
from studyscope_contract.policy import Parameters
from studyscope_exporter.disclosure.census import Exact
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.histogram import merged_edges, summed
from studyscope_exporter.disclosure.magnitude import shown_sum
from studyscope_exporter.disclosure.sensitive import may_be_shown

Shown = tuple[tuple[Cell, int], ...]
"""Visible cells with their numbers, in the order of the study's codes."""


def shown_cells(
    table: Table,
    codes: tuple[Cell, ...],
    counts: Mapping[Cell, int],
    *,
    patients: int,
    parameters: Parameters,
    before: Shown,
) -> Shown:
    """The visible cells of `table`.

    `patients` contribute to it; `before` is what the table last showed under these parameters, from
    which a histogram takes its edges.
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
        allowed = may_be_shown(table, dict(cells), patients, parameters.s)
        shown = [(code, number) for code, number in shown if code in allowed]
    return tuple((code, number) for code, number in shown if number is not None)


def _histogram(
    codes: tuple[Cell, ...], counts: Mapping[Cell, int], parameters: Parameters, before: Shown
) -> list[tuple[Cell, int]]:
    fine = [counts.get(code, Exact(0)) for code in codes]
    ends = merged_edges(fine, parameters.s, [codes.index(code) for code, _ in before if code in codes])
    return list(zip([codes[end] for end in ends], summed(fine, ends), strict=True)) if ends else []
