"""T9: somebody who reads a ratio off a page and looks for the people behind it, by the fractions that it can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser

from attacking.hospital import Lived
from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind
from studyscope_contract.policy import Parameters
from studyscope_dashboards.promql import selectors
from studyscope_exporter.disclosure.contributions import POPULATION

DIGITS = 4


@dataclass(frozen=True)
class Quotient:
    """One division in a query, as PromQL, and the series on both sides of it."""

    whole: str
    above: str
    below: str
    series: frozenset[str]


def quotients(exprs: Iterable[str]) -> Iterator[Quotient]:
    """Every division, however deep it stands; none of a number by a number."""
    for expr in exprs:
        for node in _divisions(promql_parser.parse(expr)):
            names = frozenset(selector.name or "" for selector in selectors(node))
            if names:
                yield Quotient(node.prettify(), node.lhs.prettify(), node.rhs.prettify(), names)


def _divisions(node: Any) -> Iterator[promql_parser.BinaryExpr]:
    if isinstance(node, promql_parser.BinaryExpr) and str(node.op) == "/":
        yield node
    for inside in (*(getattr(node, name, None) for name in ("lhs", "rhs", "expr", "param")), *getattr(node, "args", ())):
        if inside is not None:
            yield from _divisions(inside)


def fractions(ratio: float, most: int, digits: int = DIGITS, least: int = 1) -> Iterator[tuple[int, int]]:
    """Every n of d people, d from `least` to `most`, that reads as `ratio` with so many digits."""
    for below in range(least, most + 1):
        above = round(ratio * below)
        if below and round(above / below, digits) == round(ratio, digits):
            yield above, below


@dataclass(frozen=True)
class Ratios:
    """How many were read; of how many the numbers behind were found, more exactly than they were published."""

    read: int = 0
    found: int = 0

    def __add__(self, other: Ratios) -> Ratios:
        return Ratios(self.read + other.read, self.found + other.found)


def found_behind(history: Lived, parameters: Parameters, *, exactly: bool) -> Ratios:
    """Each shown cell as a share of everybody, from the published numbers or (`exactly`, the control) from the true ones."""
    size, read, found = 0, 0, 0
    patients = 0
    for moment in history.published.moments:
        if POPULATION in moment.tables:
            size = moment.tables[POPULATION].get((), 0)
            patients = history.truth[POPULATION, moment.grid_point].patients
        for key, shown in moment.tables.items():
            behind = history.truth[key, moment.grid_point]
            if not size or TABLES[key.table].kind is Kind.HISTOGRAM or TABLES[key.table].subpopulation or key == POPULATION:
                continue
            for cell, number in shown.items():
                truth = behind.cells[cell], patients
                ratio = truth[0] / truth[1] if exactly else number / size
                read += 1
                found += _behind(ratio, number, size, parameters) == [truth] and truth != (number, size)
    return Ratios(read, found)


def _behind(ratio: float, number: int, size: int, parameters: Parameters) -> list[tuple[int, int]]:
    """The true counts that fit the ratio and both published numbers."""
    least, most = parameters.bounds(size)
    low, high = parameters.bounds(number)
    return [(above, below) for above, below in fractions(ratio, most, least=least) if low <= above <= high]
