"""What may stand in a report: tables and codes of the study, numbers that the site's policy can show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from studyscope_aggregator.refusal import Rejected
from studyscope_aggregator.standing import Shown
from studyscope_aggregator.tables_in_order import MAX_SERIES, TablesInOrder, can_show
from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Table, TableKey
from studyscope_contract.policy import PRESETS
from studyscope_contract.report import PolicyStatement, ProtectedTable, Report, SiteFacts
from studyscope_contract.study import Study


class StudyRules:
    """What `study` allows; made once per registry and asked for each report."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._tables = dict(study.tables())
        self._codes = {table.id: frozenset(study.codes(table)) for table in self._tables.values()}
        self._in_order = TablesInOrder(self._tables, self._codes)

    def objection(self, report: Report) -> Rejected | None:
        """The first thing in `report` that may not be there; None when all of it may."""
        return next(self._objections(report), None)

    def in_order(
        self, facts: SiteFacts, policy: PolicyStatement, tables: bytes, grid_point: int, before: Mapping[TableKey, Shown]
    ) -> Mapping[TableKey, Shown] | None:
        """What is shown in `tables`, a canonical array, where there would be nothing to object to in the whole report.

        None where only a look at each number can tell. `before`: as for TablesInOrder.read.
        """
        if not facts.tables.keys() <= TABLES.keys() or next(_policy_objections(policy), None) is not None:
            return None
        return self._in_order.read(tables, policy, grid_point, before)

    def _objections(self, report: Report) -> Iterator[Rejected]:
        yield from _policy_objections(report.policy)
        cells = sum(len(table.cells) for table in report.tables)
        if cells > MAX_SERIES:
            yield Rejected("too_many_series", f"the report holds {cells} numbers; a site may show at most {MAX_SERIES}")
        for name in report.facts.tables:
            if name not in TABLES:
                yield Rejected(
                    "unknown_table", f"the site's facts name a table {name} that this centre does not know: update the centre"
                )
        for shown in report.tables:
            yield from self._table_objections(shown, report)

    def _table_objections(self, shown: ProtectedTable, report: Report) -> Iterator[Rejected]:
        key = TableKey(shown.table, shown.per)
        table = self._tables.get(key)
        if table is None:
            yield Rejected(
                "unknown_table",
                f"table {key} is not part of study {self.study.id} version {self.study.version}: "
                "fetch the study file again and restart the exporter",
            )
            return
        if shown.released > report.grid_point:
            yield Rejected("schema", f"table {key} says that it moved at a grid point after the report's own")
        yield from self._cell_objections(key, table, shown, report.policy)

    def _cell_objections(self, key: TableKey, table: Table, shown: ProtectedTable, policy: PolicyStatement) -> Iterator[Rejected]:
        allowed, seen = self._codes[table.id], set[tuple[str, ...]]()
        if _in_order(table, shown, policy, allowed):
            return
        for cell in shown.cells:
            if cell.codes not in allowed:
                yield Rejected(
                    "unknown_code",
                    f"table {key} holds code {'/'.join(cell.codes) or '(none)'}, which it does not have in version "
                    f"{self.study.version} of the study: update the exporter or accept the study's newest version",
                )
            if cell.codes in seen:
                yield Rejected("schema", f"table {key} holds code {'/'.join(cell.codes)} twice")
            seen.add(cell.codes)
            if not can_show(table, (cell.value,), policy, exact=shown.unit == "reported"):
                yield Rejected(
                    "impossible_value",
                    f"table {key} holds a number that the policy it names cannot show (multiples of {policy.parameters.b}, "
                    f"nothing under {policy.parameters.s}): this exporter is damaged or altered; tell data protection",
                )


def _in_order(table: Table, shown: ProtectedTable, policy: PolicyStatement, allowed: frozenset[tuple[str, ...]]) -> bool:
    """Whether there is nothing to object to: the quick look, as nearly every report is in order."""
    codes = {cell.codes for cell in shown.cells}
    if len(codes) < len(shown.cells) or not codes <= allowed:
        return False
    return can_show(table, {cell.value for cell in shown.cells}, policy, exact=shown.unit == "reported")


def _policy_objections(statement: PolicyStatement) -> Iterator[Rejected]:
    base, own = PRESETS[statement.preset], statement.parameters
    for name in ("k", "b", "s", "m"):
        if getattr(own, name) < getattr(base, name):
            yield Rejected(
                "policy_floor",
                f"the policy names preset {statement.preset} but has {name} = {getattr(own, name)}, looser than the preset's "
                f"{getattr(base, name)}: set the policy in the site file to the preset or stricter",
            )
