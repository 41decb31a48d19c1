"""T13: the same people shown under one policy and then under another, to somebody who reads both numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from studyscope_contract.policy import Parameters

Bounds = tuple[int, int]
Reading = Callable[[int], Bounds]
"""From a true count to what its published number says: the least and the most that it can be."""


@dataclass(frozen=True)
class Sharper:
    """A count of which two policies together say more than the first did."""

    count: int
    before: Bounds
    now: Bounds

    @property
    def together(self) -> Bounds:
        return max(self.before[0], self.now[0]), min(self.before[1], self.now[1])


def reading(parameters: Parameters) -> Reading:
    return lambda count: parameters.bounds(parameters.published(count))


def bins(width: int, first: int) -> Reading:
    """The control's: bins of one width that begin wherever a policy pleases."""

    def read(count: int) -> Bounds:
        low = (count - first) // width * width + first
        return low, low + width - 1

    return read


def sharper(before: Reading, now: Reading, most: int = 400) -> Iterator[Sharper]:
    """Every count up to `most` that the second policy makes known more exactly than the first."""
    for count in range(most + 1):
        found = Sharper(count, before(count), now(count))
        if found.together != found.before:
            yield found
