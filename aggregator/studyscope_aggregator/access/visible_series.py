"""The table of role and series: to which label values each role is held in a selector.

A series that is in no group is one of a site: it is held to the site. So a series that somebody adds
tomorrow is hidden from other sites until it is said here that it is not one of a site.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from studyscope_aggregator.access.role import RoleName, Scope
from studyscope_aggregator.families import MOVING_FAMILIES
from studyscope_contract.catalogue import TABLES, centre

TOTALS = "totals"
OF_A_STUDY = "of a study"
OF_THE_OFFICE = "of the office"
OF_A_SITE = "of a site"
OF_THE_CENTRE = "of the centre"

_PUBLIC = frozenset({centre.STUDY_INFO.name, centre.SITES_EXPECTED.name})
_OFFICE = frozenset({centre.ENROLMENT_REQUESTS.name})

GROUP_WORDS: Mapping[str, str] = MappingProxyType(
    {
        TOTALS: "totals of the consortium with bounds and coverage, a study's title, how many sites are expected",
        OF_A_STUDY: "the unnamed pool (quartiles of five sites or more), thresholds, what else is of a study and of no site",
        OF_A_SITE: "what a site publishes, its state, targets, refusals, policy; its history and alerts",
        OF_THE_OFFICE: "keys that wait to be accepted",
        OF_THE_CENTRE: "health of the aggregator and of Prometheus",
    }
)
"""What each group holds, for the documentation."""


@dataclass(frozen=True)
class Pin:
    """A label that must have one of `values` in whatever a selector finds; with `()` it finds nothing."""

    label: str
    values: tuple[str, ...]

    @property
    def pattern(self) -> str:
        return "|".join(re.escape(value) for value in sorted(self.values))


class NotVisible(Exception):
    """The role does not see such series at all; the message says what it does see."""


def groups() -> Mapping[str, frozenset[str]]:
    """Names of the series of every group that is told by name."""
    totals = {series.name for table in TABLES.values() for series in centre.total_series(table)} | _PUBLIC
    of_study = {one.name for one in MOVING_FAMILIES if "study" in one.labels and "site" not in one.labels}
    return MappingProxyType(
        {TOTALS: frozenset(totals), OF_THE_OFFICE: _OFFICE, OF_A_STUDY: frozenset(of_study - totals - _OFFICE)}
    )


VISIBLE: Mapping[RoleName, Mapping[str, str]] = MappingProxyType(
    {
        "coordinator": {TOTALS: "all", OF_A_STUDY: "all", OF_A_SITE: "all", OF_THE_OFFICE: "all", OF_THE_CENTRE: "all"},
        "lead": {TOTALS: "own studies", OF_A_STUDY: "own studies", OF_A_SITE: "own studies", OF_THE_OFFICE: "own studies"},
        "site": {TOTALS: "own studies", OF_A_STUDY: "own studies", OF_A_SITE: "own rows"},
        "public": {TOTALS: "public studies"},
    }
)
"""What each role sees of each group; what is not there, it does not see."""


def pins(scope: Scope, name: str | None, known: Mapping[str, frozenset[str]]) -> tuple[Pin, ...]:
    """What a selector of series `name` is held to; None is a selector that names no single series. Raises NotVisible."""
    if scope.role == "coordinator":
        return ()
    study = Pin("study", tuple(scope.studies))
    group = next((group for group, names in known.items() if name in names), OF_A_SITE)
    seen = VISIBLE[scope.role].get(group)
    if seen is None and scope.role == "public":
        raise NotVisible(
            f"{name or 'a selector without a name'}: without a log-in only totals can be asked for (study_consortium_…)"
        )
    if seen is None or seen == "own rows":
        return (study, Pin("site", tuple(scope.sites)))
    return (study,)
