"""Tables of a report that are in order, read from their canonical bytes without making an object of each number.

Nearly every report is in order. What is read here is what the contract would read and the study's rules would take;
where anything differs the answer is None, and the report is read and judged whole, which finds the words of its refusal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

from studyscope_aggregator.standing import Cells, Shown, one_of
from studyscope_contract.metric import Kind, Table, TableKey
from studyscope_contract.report import LEAST_PROTECTED, PolicyStatement

MAX_SERIES = 5000
"""Cells of one report: the budget that keeps one site from filling the centre's Prometheus."""
MOST_TABLES, MOST_CELLS, HIGHEST = 2048, 4096, 100_000_000
"""As the contract has them: tables of a report, numbers of a table, a number."""

_BEGIN = b'{"cells":['
_CELL = re.compile(rb'\{"codes":\[([^\]]*)\],"value":(0|[1-9][0-9]{0,8})\}')
# A grid point of five digits is in the calendar of every grid until the year 2243; a later one is read the long way.
_TABLE = re.compile(
    rb'(?P<cells>.*)\],"per":"(?P<per>[a-z0-9-]*)","released":(?P<released>0|[1-9][0-9]{0,4}),'
    rb'"table":"(?P<table>[a-z0-9_]+)"(?P<exact>,"unit":"reported")?,"version":(?P<version>[1-9][0-9]{0,14})\}'
)


class TablesInOrder:
    """Reads the tables that a study has, each with the codes that it may hold; made once per registry."""

    def __init__(self, tables: Mapping[TableKey, Table], codes: Mapping[str, Collection[tuple[str, ...]]]) -> None:
        self._tables = {(key.table.encode(), key.per.encode()): (key, table) for key, table in tables.items()}
        self._codes = {name: {_text(each): one_of(each) for each in allowed} for name, allowed in codes.items()}

    def read(
        self, text: bytes, policy: PolicyStatement, grid_point: int, before: Mapping[TableKey, Shown]
    ) -> Mapping[TableKey, Shown] | None:
        """The tables in `text`, a canonical array of them; None where one look does not show that all of them may be there.

        `before`: tables that were read under the same policy at an earlier grid point; what did not move is taken over.
        """
        if text == b"[]":
            return MappingProxyType({})
        opening, *parts = text.split(_BEGIN)
        if opening != b"[" or len(parts) > MOST_TABLES:
            return None
        found: dict[TableKey, Shown] = {}
        unmoved = {shown.digest: (key, shown) for key, shown in before.items() if shown.digest}
        for last, part in zip((*[b","] * (len(parts) - 1), b"]"), parts, strict=True):
            digest = hashlib.sha256(part[:-1]).digest()
            table = (unmoved.get(digest) or self._table(part[:-1], digest, policy, grid_point)) if part[-1:] == last else None
            if table is None or table[0] in found:
                return None
            found[table[0]] = table[1]
        return MappingProxyType(found) if sum(len(each.cells) for each in found.values()) <= MAX_SERIES else None

    def _table(self, text: bytes, digest: bytes, policy: PolicyStatement, grid_point: int) -> tuple[TableKey, Shown] | None:
        form = _TABLE.fullmatch(text)
        key, table = (self._tables.get((form["table"], form["per"])) if form else None) or (None, None)
        if form is None or key is None or table is None:
            return None
        released, exact = int(form["released"]), form["exact"] is not None
        if released > grid_point or exact != (table.id in policy.reported):
            return None
        cells = self._cells(form["cells"], table, policy, exact=exact)
        if cells is None:
            return None
        return key, Shown(int(form["version"]), policy.grid.moment(released), cells, exact=exact, digest=digest)

    def _cells(self, text: bytes, table: Table, policy: PolicyStatement, *, exact: bool) -> Cells | None:
        # What is between the numbers stands in the list too: nothing may be there but the commas.
        pieces = _CELL.split(text)
        if pieces[0] or pieces[-1] or not set(pieces[3:-1:3]) <= {b","}:
            return None
        try:
            cells = dict(zip(map(self._codes[table.id].__getitem__, pieces[1::3]), map(int, pieces[2::3]), strict=True))
        except KeyError:
            return None
        numbers = set(cells.values())
        if not 0 < len(cells) == len(pieces) // 3 <= MOST_CELLS or max(numbers) > HIGHEST:
            return None
        if not exact and min(numbers) < LEAST_PROTECTED:
            return None
        return MappingProxyType(cells) if can_show(table, numbers, policy, exact=exact) else None


def can_show(table: Table, values: Collection[int], policy: PolicyStatement, *, exact: bool) -> bool:
    """Whether each of `values`, of which there is at least one, is a number that the policy can show in the table."""
    if exact:
        return True
    if table.kind is Kind.MAGNITUDE:
        width = policy.parameters.width(table.clip)
        return not any(value % width for value in values)
    return policy.parameters.can_publish_all(values)


def _text(codes: tuple[str, ...]) -> bytes:
    """Codes as they stand in a cell; none of them needs an escape (names.Code)."""
    return ",".join(f'"{code}"' for code in codes).encode()
