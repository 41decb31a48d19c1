"""Many structures sought in the same patients: every table of them looks at one number, how many were segmented.

The attacker is of the house: knows that results are told of everybody who was segmented, that nobody leaves and no result
changes, and the rule by which cells are withheld. So many looks tell that number well, and with it who is without a structure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from attacking.hospital import STATE, Lived, lived
from attacking.on_versions import Truth, from_inside, true_values, truly_small
from attacking.people import Life
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Parameters, Policy
from studyscope_exporter.attack.background import Background, deduced
from studyscope_exporter.attack.claims import groups
from studyscope_exporter.attack.prover import Prover
from studyscope_exporter.attack.published import Cell, PublishedHistory, Shown
from studyscope_exporter.disclosure.audit import Audit

OF_STRUCTURES, OF_CLASSIFIERS = STATE.table, "classification"  # of a classifier's two tables one is the other in more detail
UNGUARDED = "review_state"  # a table in which every cell is shown that holds enough people, however few are beside them


def in_tables_of(tables: str, life: Life, seed: int, audit: Audit | None) -> tuple[int, int]:
    """Small groups in the tables whose name begins so, and how many of them are proven."""
    history = lived(life, seed, Policy(), audit)
    truth = {name: (behind.cells, behind.patients) for name, behind in history.truth.items()}
    return _proven(history.published, truth, from_inside(life), tables)


def by_the_threshold_alone(life: Life, seed: int) -> tuple[int, int]:
    """The control: the same hospital, where a cell is shown as soon as it holds enough people."""
    history, parameters = lived(life, seed, Policy()), Policy().parameters
    truth = {_unguarded(key, point): (one.cells, one.patients) for (key, point), one in history.truth.items()}
    moments = tuple(
        replace(moment, tables=_shown_by_threshold(history, moment.grid_point, moment.tables, parameters))
        for moment in history.published.moments
    )
    codes = {_unguarded(key, 0)[0]: cells for key, cells in history.published.codes.items()}
    published = replace(history.published, codes=codes, moments=moments)
    known = from_inside(life)
    background = replace(known, who_contributes={**known.who_contributes, UNGUARDED: "segmented"})
    return _proven(published, truth, background, UNGUARDED)


def _unguarded(key: TableKey, point: int) -> tuple[TableKey, int]:
    return (TableKey(UNGUARDED, key.per) if key.table == STATE.table else key), point


def _shown_by_threshold(
    history: Lived, point: int, tables: Mapping[TableKey, Shown], parameters: Parameters
) -> dict[TableKey, Shown]:
    structures = {key for key, at in history.truth if at == point and key.table == STATE.table}
    shown: dict[TableKey, Shown] = {key: cells for key, cells in tables.items() if key.table != STATE.table}
    for key in structures:
        counts = ((cell, parameters.published(count)) for cell, count in history.truth[key, point].cells.items())
        cells: dict[Cell, int] = {cell: number for cell, number in counts if number is not None}
        shown[_unguarded(key, point)[0]] = cells
    return shown


def _proven(published: PublishedHistory, truth: Truth, background: Background, table: str) -> tuple[int, int]:
    inside = deduced(published, background)
    claims = [claim for claim in groups(inside) if claim.what.startswith(table)]
    proven = Prover(inside.puzzle, claims).small_groups()
    return truly_small(claims, true_values(inside.puzzle, truth)), len(proven)
