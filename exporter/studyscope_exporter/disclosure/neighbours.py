"""Two studies of one hospital over nearly the same people: neither is counted while the other's last count is too like it.

Whoever sees both can subtract one from the other (privacy.md 1.2 A12, attack T16). Nothing is published of
what they share. Where the patients of one today are those whom the other counted last, but for a few,
the difference of two numbers would be these few; so the study waits, as if its gate were not reached,
until enough people are in one of both and not in the other. From a number that is at least k smaller, or that
holds as many newcomers as the small group has people, no subtraction proves that group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from studyscope_contract.metric import TableKey
    from studyscope_exporter.disclosure.history import Release

Patients = NDArray[np.bytes_]
"""Keys, each once."""


@dataclass(frozen=True)
class Neighbour:
    """Another study of the hospital: its patients `today`, and whom its published or waiting numbers `counted` last.

    `answers` are those of today's patients by table, `history` all that was shown. `removed`: it is no longer in the site file.
    """

    study: str
    today: Patients = field(repr=False)
    counted: Patients = field(repr=False)
    answers: Mapping[TableKey, Mapping[bytes, frozenset[tuple[str, ...]]]] = field(default_factory=dict, repr=False)
    history: tuple[Release, ...] = field(default=(), repr=False)
    removed: bool = False


@dataclass(frozen=True)
class Overlap:
    """How far two studies of the hospital are about the same people. Exact: for people of the site only."""

    study: str
    both: int = field(repr=False)
    only_here: int = field(repr=False)
    only_there: int = field(repr=False)


def too_like(members: Patients, neighbours: Sequence[Neighbour], least: int) -> bool:
    """Whether a neighbour counted last whom `members` are, but for fewer than `least` newcomers and fewer than `least` others.

    Who has left the neighbour since is no difference between the studies.
    """
    return any(_too_like(members, one, least) for one in neighbours)


def _too_like(members: Patients, neighbour: Neighbour, least: int) -> bool:
    stayed = neighbour.counted[np.isin(neighbour.counted, neighbour.today)]
    newcomers = int(np.count_nonzero(~np.isin(members, neighbour.counted)))
    others = int(np.count_nonzero(~np.isin(stayed, members)))
    return newcomers < least and others < least


def overlaps(members: Patients, neighbours: Sequence[Neighbour]) -> tuple[Overlap, ...]:
    """Every neighbour that shares a patient with `members` today."""
    found = []
    for one in neighbours:
        both = int(np.count_nonzero(np.isin(members, one.today)))
        if both:
            name = f"{one.study} (no longer in the site file)" if one.removed else one.study
            found.append(Overlap(name, both, len(members) - both, len(one.today) - both))
    return tuple(found)
