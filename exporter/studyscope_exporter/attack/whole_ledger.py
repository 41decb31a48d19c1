"""The published history in a site's ledger, which holds every number that ever left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Parameters
from studyscope_exporter.attack.published import Cell, Moment, PublishedHistory, Shown
from studyscope_exporter.disclosure.ledger import chained


class NothingPublished(Exception):
    """No table was ever shown."""


def history_of_ledger(raw: bytes) -> PublishedHistory:
    """The history in the bytes of a ledger. Raises LedgerBroken, NothingPublished."""
    moments, site, study, other_rules = list[Moment](), "", "", False
    for _, line in chained(raw):
        site, study = line.get("site", site), line.get("study", study)
        other_rules |= line["act"] == "opened" and bool(moments)
        if line["act"] in ("release", "frozen") and line.get("tables"):
            moments.append(_moment(line, other_rules))
            other_rules = False
    if not moments:
        raise NothingPublished
    stages = _stages(moments)
    seen = sorted({key for moment in moments for key in moment.tables})
    codes = {key: _codes(key, stages) for key in seen}
    return PublishedHistory(site, study, codes, tuple(moments), offered_from_the_start=False)


def _moment(line: Mapping[str, Any], other_rules: bool) -> Moment:
    parameters = Parameters.model_validate(line["policy"]["parameters"])
    protected, reported, versions = dict[TableKey, Shown](), dict[TableKey, Shown](), dict[TableKey, int]()
    for table in line["tables"]:
        key = TableKey(table["table"], table["per"])
        if key.table in TABLES:
            exact = key.table in line["policy"].get("reported", ())
            (reported if exact else protected)[key] = {tuple(cell["codes"]): cell["value"] for cell in table["cells"]}
            versions |= {key: table["version"]} if "version" in table else {}
    return Moment(line["grid_point"], parameters, protected, other_rules, reported, versions)


def _stages(moments: Iterable[Moment]) -> tuple[str, ...]:
    """The study's stages, as far as they show: one that nobody was ever seen to reach lies behind those that were."""
    every = TABLES["stage"].dimensions[0].codes
    exact = {cell[0] for moment in moments for shown in moment.reported.values() for cell in shown}
    if not exact.isdisjoint(every):  # all its stages stand there, reached or not
        return tuple(stage for stage in every if stage in exact)
    reached = {cell[0] for moment in moments for cell in moment.tables.get(TableKey("reached"), {})}
    if not reached:
        return every
    last = max(every.index(stage) for stage in reached)
    return tuple(stage for i, stage in enumerate(every) if stage in reached or i > last)


def _codes(key: TableKey, stages: tuple[str, ...]) -> tuple[Cell, ...]:
    table = TABLES[key.table]
    at = [i for i, dimension in enumerate(table.dimensions) if dimension.label == "stage"]
    return tuple(cell for cell in table.cells if all(cell[i] in stages for i in at))
