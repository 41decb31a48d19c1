"""Two-way tables, crossed from the columns of their two tables, so that all three say the same of a patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind, TableKey
from studyscope_contract.policy import Policy
from studyscope_contract.study import Study
from studyscope_exporter.disclosure.census import ABSENT, Answer, Column
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.terms import Terms


def crossed(
    columns: Mapping[TableKey, Column], answers: tuple[Answer, ...], terms: Terms
) -> tuple[dict[TableKey, Column], tuple[Answer, ...]]:
    """The columns of the declared two-way tables whose parts are there, and the answers with theirs added."""
    numbers = {answer: number for number, answer in enumerate(answers)}
    made: dict[TableKey, Column] = {}
    for key, first, second in _crossings(terms):
        if first in columns and second in columns:
            made[key] = _crossed(columns[first], columns[second], answers, numbers)
    return made, tuple(numbers)


def crossings_of_patients(
    tables: Mapping[TableKey, Mapping[bytes, frozenset[Cell]]], study: Study, policy: Policy
) -> dict[TableKey, dict[bytes, frozenset[Cell]]]:
    """The declared two-way tables patient by patient, for the people of the site who hold them against their own records."""
    made: dict[TableKey, dict[bytes, frozenset[Cell]]] = {}
    for key, table in study.tables():
        if table.kind is Kind.TWO_WAY and policy.declares(table):
            first, second = (tables.get(TableKey(part, key.per if TABLES[part].per else ""), {}) for part in table.crosses)
            made[key] = {who: _together(first[who], second[who]) for who in first.keys() & second.keys()}
    return made


def _together(first: frozenset[Cell], second: frozenset[Cell]) -> frozenset[Cell]:
    return frozenset((*one, *other) for one in first for other in second)


def parts(key: TableKey, terms: Terms) -> tuple[TableKey, ...]:
    """The tables that `key` is crossed from; () for any other table."""
    by_id = {one.table: bool(one.per) for one in terms.tables}
    return tuple(TableKey(part, key.per if by_id.get(part) else "") for part in terms.tables[key].crosses)


def _crossings(terms: Terms) -> Iterator[tuple[TableKey, TableKey, TableKey]]:
    for key, table in terms.tables.items():
        if table.kind is Kind.TWO_WAY:
            first, second = parts(key, terms)
            yield key, first, second


def _crossed(first: Column, second: Column, answers: tuple[Answer, ...], numbers: dict[Answer, int]) -> Column:
    both = (first != ABSENT) & (second != ABSENT)
    pairs, place = np.unique(first[both].astype(np.int64) * len(answers) + second[both], return_inverse=True)
    named = []
    for pair in pairs.tolist():
        (one,), (other,) = answers[pair // len(answers)], answers[pair % len(answers)]
        answer = frozenset({(*one, *other)})
        named.append(numbers.setdefault(answer, len(numbers)))
    column = np.full(len(first), ABSENT, dtype=np.int32)
    column[both] = np.array(named, dtype=np.int32)[place]
    return column
