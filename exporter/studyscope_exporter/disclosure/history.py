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
class Apart:
    """Of the patients in a version, those who are not in another study of the hospital: all of them, and by cell (secret)."""

    patients: int
    cells: Mapping[Cell, int]


@dataclass(frozen=True)
class Days:
    """Grid points at which a version was counted: its members, and what is true of them."""

    members: int
    answers: int


@dataclass(frozen=True, repr=False)
class TableVersion:
    """One table as it was shown: all its cells, the visible numbers, and the exact counts (secret).

    `epoch` numbers the membership it is tabulated over: equal epochs mean the same patients. `apart` tells by study who was
    not in that other study of the hospital when the version came out, for each with which this one shared patients then.
    `days` is None where it is not known any more.
    """

    key: TableKey
    epoch: int
    codes: tuple[Cell, ...]
    shown: Mapping[Cell, int]
    exact: Mapping[Cell, int] = field(repr=False)
    patients: int = field(repr=False)
    apart: Mapping[str, Apart] = field(default_factory=dict, repr=False)
    days: Days | None = field(default=None, repr=False)


@dataclass(frozen=True, repr=False)
class Beside:
    """Study `there` of the hospital, beside the one that is audited, `here`: what it has shown, and who is in one of both only.

    That stands with each version; `today` is for those that came out when the two had nobody in common yet, by table, first
    those who are only here, then those who are only there.
    """

    here: str
    there: str
    history: tuple[Release, ...]
    today: tuple[Mapping[TableKey, Apart], Mapping[TableKey, Apart]]


@dataclass(frozen=True, repr=False)
class Release:
    """What moved at one grid point, under which parameters.

    `reported`: the exact numbers of the same patients that the site's protocol makes known, where it does.
    """

    grid_point: int
    parameters: Parameters
    tables: tuple[TableVersion, ...]
    reported: Reported = field(default_factory=dict)
