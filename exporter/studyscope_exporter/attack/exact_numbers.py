"""What an attacker gains from numbers that a site reports exactly: on one of these days the version was frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from studyscope_contract.metric import TableKey
from studyscope_exporter.attack.published import Moment, Shown

STAGE, REACHED = TableKey("stage"), TableKey("reached")


class ExactNumbers:
    """The reported tables on each day since a version of the population was last published.

    A version is frozen after the one before it was released and at the latest when it is released
    itself, so that its patients are those of one of these days.
    """

    def __init__(self) -> None:
        self._days: list[Mapping[TableKey, Shown]] = []

    def day(self, moment: Moment) -> None:
        """Another day, with what moved on it."""
        if moment.reported:
            self._days.append({**(self._days[-1] if self._days else {}), **moment.reported})

    def released(self) -> None:
        """A version was published; the next one is of a later day."""
        self._days = self._days[-1:]

    def everybody(self) -> tuple[int, int] | None:
        """The fewest and the most patients that it can have; None where no table tells."""
        return _range([sum(day[STAGE].values()) for day in self._days if STAGE in day] or self._cells(REACHED, ("imaged",)))

    def at_stage(self, code: str) -> tuple[int, int] | None:
        """The same of the patients who were at the stage `code` then."""
        return _range(self._cells(STAGE, (code,)))

    def _cells(self, key: TableKey, cell: tuple[str, ...]) -> Sequence[int]:
        return [day[key][cell] for day in self._days if cell in day.get(key, {})]


def _range(numbers: Iterable[int]) -> tuple[int, int] | None:
    found = sorted(numbers)
    return (found[0], found[-1]) if found else None
