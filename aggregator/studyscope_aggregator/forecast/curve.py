"""How the published number of one site grew: the releases of its population table."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from studyscope_aggregator.standing import Standing
from studyscope_contract.catalogue.progress import PATIENTS
from studyscope_contract.metric import TableKey

POPULATION = TableKey(PATIENTS.id)


@dataclass(frozen=True)
class Release:
    """One published number of patients; `version` counts how often the site's number has moved."""

    at: dt.datetime
    version: int
    value: int
    lower: int
    upper: int

    @classmethod
    def of(cls, standing: Standing) -> Release | None:
        """What the site shows of its population; None while it shows nothing."""
        shown = standing.tables.get(POPULATION)
        value = shown.cells.get(()) if shown else None
        if shown is None or value is None:
            return None
        return cls(shown.released, shown.version, value, *standing.policy.parameters.bounds(value))


@dataclass(frozen=True)
class Curve:
    """The releases of one site, oldest first; none of them is from after `known_until`, the site's newest report.

    `recruiting`: new patients are still to be expected from the site.
    """

    site: str
    releases: tuple[Release, ...]
    known_until: dt.datetime
    recruiting: bool = True

    def moves(self) -> list[tuple[dt.datetime, int]]:
        """When the number moved after it was first shown, and how often by then."""
        pairs = zip(self.releases, self.releases[1:], strict=False)
        return [(later.at, max(later.version - earlier.version, 1)) for earlier, later in pairs]

    def at(self, moment: dt.datetime) -> Release:
        """The number that held at `moment`; before the first release, the first: what came before it is not pace."""
        held = [release for release in self.releases if release.at <= moment]
        return held[-1] if held else self.releases[0]
