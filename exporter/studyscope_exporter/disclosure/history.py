"""Every version of every table that was ever shown, with what was behind it: what the audit looks at.

The exact counts in it never leave the encrypted state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Parameters
from studyscope_exporter.disclosure.contributions import Cell

Reported = Mapping[TableKey, Mapping[Cell, int]]
"""Cells of each table that is reported exactly."""


@dataclass(frozen=True, repr=False)
class TableVersion:
    """One table as it was shown: all its cells, the visible numbers, and the exact counts (secret).

    `epoch` numbers the membership it is tabulated over: equal epochs mean the same patients.
    """

    key: TableKey
    epoch: int
    codes: tuple[Cell, ...]
    shown: Mapping[Cell, int]
    exact: Mapping[Cell, int] = field(repr=False)
    patients: int = field(repr=False)


@dataclass(frozen=True, repr=False)
class Beside:
    """Another study of the hospital: what it has shown, and by table and cell who is in one of both studies today only."""

    history: tuple[Release, ...]
    only_here: Mapping[TableKey, Mapping[Cell, int]]
    only_there: Mapping[TableKey, Mapping[Cell, int]]


@dataclass(frozen=True, repr=False)
class Release:
    """What moved at one grid point, under which parameters.

    `reported`: the exact numbers of the same patients that the site's protocol makes known, where it does. `beside`: the
    hospital's other studies over some of these patients, for the audit of a candidate; it is kept with no release.
    """

    grid_point: int
    parameters: Parameters
    tables: tuple[TableVersion, ...]
    reported: Reported = field(default_factory=dict)
    beside: tuple[Beside, ...] = ()
