"""A world that fits what was published, for versions whose true counts are lost.

The audit looks at every version ever shown and asks what could be proven of the small groups in it.
Where the truth is lost, a truth is supposed: numbers that give exactly what was shown, with few
people in what was hidden, because that is what the audit has to protect. A link between tables that
this world does not meet is not used against an attacker's ignorance; all that single tables, their
bins and their totals say is (privacy.md 2.8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from studyscope_contract.metric import Kind, Table, TableKey
from studyscope_contract.policy import Parameters
from studyscope_exporter.disclosure.contributions import POPULATION, Cell
from studyscope_exporter.disclosure.history import Release, Reported, TableVersion
from studyscope_exporter.disclosure.known_numbers import everybody_in
from studyscope_exporter.disclosure.terms import Terms
from studyscope_exporter.disclosure.world import NO_LIMIT

_MOST = 100_000_000


@dataclass(frozen=True)
class ShownTable:
    """One version as it left: the visible cells."""

    key: TableKey
    shown: Mapping[Cell, int]


@dataclass(frozen=True)
class ShownRelease:
    """What moved at a grid point, under which parameters."""

    grid_point: int
    parameters: Parameters
    tables: tuple[ShownTable, ...]
    reported: Reported = field(default_factory=dict)  # exact numbers on the day of the release


def supposed_history(releases: Sequence[ShownRelease], terms: Terms, first_epoch: int = 0) -> tuple[Release, ...]:
    """The releases with a supposed truth; tables that the study does not have any more are left out.

    `first_epoch` numbers the membership before them. Versions of the whole population between two
    versions of the population table are over the same people.
    """
    history: list[Release] = []
    epoch, everybody = first_epoch, 0
    for place, release in enumerate(releases):
        if place == 0 or any(table.key == POPULATION for table in release.tables):
            epoch += 1
            everybody = _everybody(_same_people(releases[place:]), terms)
        versions = [_version(table, release.parameters, terms, epoch, everybody) for table in release.tables]
        kept = tuple(version for version in versions if version is not None)
        if kept:
            history.append(Release(release.grid_point, release.parameters, kept, release.reported))
    return tuple(history)


def _same_people(releases: Sequence[ShownRelease]) -> list[ShownRelease]:
    """The first release, and those after it until the population moves again."""
    found = list(releases[:1])
    for release in releases[1:]:
        if any(table.key == POPULATION for table in release.tables):
            break
        found.append(release)
    return found


def _everybody(releases: Sequence[ShownRelease], terms: Terms) -> int:
    """A number of patients that every table of the whole population allows, as far as one does."""
    low, high = 0, _MOST
    told = [everybody_in(release.reported) for release in releases if release.reported]
    for release in releases:
        for shown in release.tables:
            table = terms.tables.get(shown.key)
            if table is None or table.subpopulation:
                continue
            least, most = _range(shown, table, release.parameters, terms)
            low, high = max(low, least), min(high, most)
    if told and low <= high and told[0] != NO_LIMIT:
        return min(max(told[0], low), high)
    return min((low + high) // 2, low + 5) if low <= high else low


def _range(shown: ShownTable, table: Table, parameters: Parameters, terms: Terms) -> tuple[int, int]:
    bounds = [parameters.bounds(value) for value in shown.shown.values()]
    if table.kind is Kind.MAGNITUDE:
        return 0, _MOST
    if table.kind in (Kind.MULTI, Kind.NESTED):
        return max((low for low, _ in bounds), default=0), _MOST
    hidden = len(terms.codes[shown.key]) - len(bounds)
    most = _MOST if table.sensitive and hidden else sum(high for _, high in bounds) + hidden * (parameters.s - 1)
    return sum(low for low, _ in bounds), most


def _version(shown: ShownTable, parameters: Parameters, terms: Terms, epoch: int, everybody: int) -> TableVersion | None:
    table = terms.tables.get(shown.key)
    if table is None or not set(shown.shown) <= set(terms.codes[shown.key]):
        return None
    codes = terms.codes[shown.key]
    if table.kind is Kind.MAGNITUDE:
        total = min(parameters.sum_bounds(value, table.clip)[0] for value in shown.shown.values())
        patients = max(parameters.s, -(-total // table.clip))
        return TableVersion(shown.key, epoch, codes, shown.shown, {(): max(total, patients)}, patients)
    exact = {cell: parameters.bounds(value)[0] for cell, value in shown.shown.items()}
    hidden = [] if table.kind is Kind.HISTOGRAM else [cell for cell in codes if cell not in shown.shown]
    patients = sum(exact.values()) + len(hidden) if table.subpopulation else everybody
    if table.kind in (Kind.MULTI, Kind.NESTED):
        exact |= dict.fromkeys(hidden, min(1, patients))
        return TableVersion(shown.key, epoch, codes, shown.shown, exact, max(patients, *exact.values()))
    if not _filled(exact, hidden, shown, parameters, patients, sensitive=table.sensitive):
        return None
    return TableVersion(shown.key, epoch, codes, shown.shown, exact, patients)


def _filled(
    exact: dict[Cell, int], hidden: Sequence[Cell], shown: ShownTable, parameters: Parameters, patients: int, *, sensitive: bool
) -> bool:
    """Puts the patients who are left over into cells: one into each hidden cell, then up to the bins' ends; whether all fit."""
    left = patients - sum(exact.values())
    if left < 0:
        return False
    rooms = [*((cell, 1) for cell in hidden), *((cell, parameters.bounds(shown.shown[cell])[1]) for cell in list(exact))]
    rooms += [(cell, parameters.s - 1) for cell in hidden] + [(cell, _MOST) for cell in hidden[:1] if sensitive]
    for cell, most in rooms:
        more = min(left, most - exact.get(cell, 0))
        exact[cell] = exact.get(cell, 0) + max(more, 0)
        left -= max(more, 0)
    return left == 0
