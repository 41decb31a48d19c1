"""Tables, cells and situations in the words of people who do not know the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from studyscope_contract.metric import Kind, Table, TableKey
from studyscope_contract.study import Study
from studyscope_contract.vocabulary import CODE_LISTS, load_code_list
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.preview import Situation

SITUATIONS: Mapping[Situation, str] = MappingProxyType(
    {
        "moves": "moves at the next grid point",
        "gathering": "stays: too few patients changed yet",
        "waiting": "frozen; its secret delay runs",
        "held": "held: it would tell too much together with what was published before",
        "not_approved": "waits for an approver",
        "refused": "refused by the policy",
        "retired": "retired: it held people who had left for longer than the policy lets it",
        "no_source": "no source of this site fills it",
        "reported": "leaves as it is with every report: exact, as the study's protocol obliges",
    }
)
SEX = MappingProxyType({"F": "women", "M": "men", "O": "other"})


def table_words(study: Study, key: TableKey, table: Table) -> str:
    """What the table tells, and of which structure, workflow, landmark or classifier."""
    return table.help.removesuffix(".") + (f": {_named(study, table, key.per)}" if key.per else "")


def cell_words(table: Table, cell: Cell) -> str:
    """One cell, as it would be read aloud."""
    if not cell:
        return "everything added up" if table.kind is Kind.MAGNITUDE else "all patients"
    return ", ".join(_code(dimension.label, code) for dimension, code in zip(table.dimensions, cell, strict=True))


def _code(label: str, code: str) -> str:
    if label == "le":
        return "above the last edge" if code == "+Inf" else f"up to {float(code):g}"
    if label == "sex" and code in SEX:
        return SEX[code]
    if label in CODE_LISTS and code in load_code_list(label).codes:
        return load_code_list(label).label(code)
    return code.replace("_", " ")


def _named(study: Study, table: Table, per: str) -> str:
    if table.per == "structure":
        return next((one.label for one in study.structures if one.code == per), per)
    if table.per == "workflow":
        return next((one.title for one in study.workflows if one.id == per), per)
    return per
