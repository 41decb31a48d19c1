"""Tables, cells and situations in the words of people who do not know the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from studyscope_contract.catalogue.subgroups import SUBGROUP
from studyscope_contract.metric import Kind, Table, TableKey
from studyscope_contract.protocol import attribute_id
from studyscope_contract.study import Study
from studyscope_contract.vocabulary import CODE_LISTS, load_code_list
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.neighbours import Overlap
from studyscope_exporter.disclosure.preview import Situation

SITUATIONS: Mapping[Situation, str] = MappingProxyType(
    {
        "moves": "changes with the next report",
        "gathering": "stays as it is: too few patients changed yet",
        "waiting": "stays as it is: enough patients changed, and its secret delay runs",
        "held": "held: it would tell too much together with what was published before",
        "not_approved": "waits for an approver",
        "refused": "refused by the policy",
        "retired": "retired: it held people who had left for longer than the policy lets it",
        "no_source": "no source of this site fills it",
        "timed_out": "held: its approvers did not sign in time; who signs now begins anew",
        "reported": "leaves as it is with every report: exact, as the study's protocol obliges",
    }
)
UNITS = MappingProxyType({"millimeters": " mm", "milliliters": " ml", "seconds": " s", "tesla": " T", "days": " days"})
"""By the last word of a metric's name."""
SEX = MappingProxyType({"F": "women", "M": "men", "O": "other"})


def table_words(study: Study, key: TableKey, table: Table) -> str:
    """What the table tells, and of which structure, workflow, landmark or classifier."""
    words = table.help.removesuffix(".") + (f": {named(study, table, key.per)}" if key.per else "")
    if SUBGROUP.id in table.labels and study.subgroup is not None:
        groups = ", ".join(f"{letter} is {names[0]}" for letter, names in study.subgroup.codes.items())
        return f"{words} ({study.subgroup.title}: {groups})"
    return words


def cell_words(table: Table, cell: Cell) -> str:
    """One cell, as it would be read aloud."""
    if not cell:
        return "everything added up" if table.kind is Kind.MAGNITUDE else "all patients"
    return ", ".join(_code(dimension.label, code) for dimension, code in zip(table.dimensions, cell, strict=True))


def bucket_words(table: Table, ends: Collection[Cell]) -> dict[Cell, str]:
    """The steps of a histogram that end at `ends`, each with both of its edges; finer ones are merged into them."""
    unit, words, below = UNITS.get(table.metric.rpartition("_")[2], ""), dict[Cell, str](), ""
    for cell in table.cells:
        if cell not in ends:
            continue
        edge = "" if cell[-1] == "+Inf" else f"{float(cell[-1]):g}"
        parts = ([f"more than {below}"] if below else []) + ([f"up to {edge}"] if edge else [])
        words[cell] = (" and ".join(parts) + unit) if parts else "any"
        below = edge
    return words


def _code(label: str, code: str) -> str:
    if label == "le":
        return "above the last edge" if code == "+Inf" else f"up to {float(code):g}"
    if label == "sex" and code in SEX:
        return SEX[code]
    if label in CODE_LISTS and code in load_code_list(label).codes:
        return load_code_list(label).label(code)
    return code.replace("_", " ")


def overlap_words(overlap: Overlap, least: int) -> str:
    """How far another study of the hospital is about the same people; exact, for people of the site."""
    here, there = overlap.both + overlap.only_here, overlap.both + overlap.only_there
    said = f"{overlap.both:,} of these {here:,} patients are in the study {overlap.study} too, which has {there:,}."
    if nearly_the_same(overlap, least):
        return (
            f"{said} The two are about nearly the same people. Somebody who sees both could subtract one from the other, so "
            f"each of them waits with new numbers until at least {least} people are in it whom the other has not counted, or the "
            "other way round. Where nobody comes any more, that is never. If one is to take the place of the other, ask the "
            "coordinator for a new version of the older study's file, which two approvers here sign, and not for a second study."
        )
    return (
        f"{said} Nothing is published about who is in both. New numbers of either are held while they and all that both have "
        "shown could prove something about the few who are in one only."
    )


def nearly_the_same(overlap: Overlap, least: int) -> bool:
    """Whether the two studies are about the same people but for fewer than `least` on either side."""
    return max(overlap.only_here, overlap.only_there) < least


def named(study: Study, table: Table, per: str) -> str:
    """Of what the table is: the structure's label, the workflow's title."""
    titles: Mapping[str | None, Mapping[str, str]] = {
        "structure": {one.code: one.label for one in study.structures},
        "workflow": {one.id: one.title for one in study.workflows},
        "time_point": {one.id: one.title for one in study.time_points},
        "variable": {one.id: one.title for one in study.variables},
        "attribute": {attribute_id(keyword): keyword for keyword in study.attributes},
    }
    return titles.get(table.per, {}).get(per, per)
