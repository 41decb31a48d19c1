"""The four numbers by which a policy protects, with the floors under them, and the presets.

Symbols as in statistical disclosure control: groups under `k` patients are protected; counts are
published as the nearest multiple of `b`; nothing below `s` is published; a table moves only when at
least `m` patients changed in it (privacy.md 2.2, 2.3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Literal, Self

from pydantic import Field, model_validator

from studyscope_contract.yaml_file import Strict


class Parameters(Strict):
    """The four numbers of a policy, with the floors that no policy may go under."""

    k: int = Field(ge=5, description="groups of fewer patients are protected")
    b: int = Field(ge=5, description="counts are published as the nearest multiple of this")
    s: int = Field(description="nothing below this is published")
    m: int = Field(ge=5, description="a table moves only when so many patients changed in it")

    @model_validator(mode="after")
    def _one_subtraction_proves_nothing(self) -> Self:
        """The inequalities of privacy.md 0.3 and proof 2.5."""
        if self.s < self.k + 1:
            raise ValueError(f"s must be at least k+1 = {self.k + 1}, so that absence never proves a small group")
        if 2 * (self.b - 1) < self.k - 1:
            raise ValueError(f"2(b-1) must be at least k-1 = {self.k - 1}; raise b or lower k")
        if (self.s + self.b // 2) % self.b:
            raise ValueError(f"s must be a bin edge: a multiple of b = {self.b}, less {self.b // 2}")
        return self

    def published(self, count: int) -> int | None:
        """The number that is shown for `count` patients, None when nothing is."""
        if count < self.s:
            return None
        return (count + self.b // 2) // self.b * self.b

    def bounds(self, published: int | None) -> tuple[int, int]:
        """The lowest and highest count behind a published number; None is a cell under the threshold."""
        if published is None:
            return 0, self.s - 1
        return published - self.b // 2, published - self.b // 2 + self.b - 1

    def nests_in(self, older: Parameters) -> bool:
        """Whether each bin holds whole bins of `older`, so that no count is known better from both than from the older alone.

        A bin begins b // 2 below a multiple of b: with bins that begin elsewhere, or cut the older ones, two looks at the same
        people are two roundings of one number (privacy.md A18).
        """
        return self.b % older.b == 0 and (self.b // 2 - older.b // 2) % older.b == 0

    def can_publish(self, value: int) -> bool:
        """Whether `value` is a number that this policy can show."""
        return value % self.b == 0 and value - self.b // 2 >= self.s

    def can_publish_all(self, values: Collection[int]) -> bool:
        """Whether each of `values`, of which there is at least one, is a number that this policy can show."""
        return self.can_publish(min(values)) and not any(value % self.b for value in values)

    def width(self, clip: int) -> int:
        """In multiples of what a sum is shown to which one patient adds at most `clip` (privacy.md 2.6)."""
        step, factors = 1, (10, 25, 50)
        while True:
            for factor in factors:
                if factor * step >= max(self.b, clip):
                    return factor * step
            step *= 10

    def published_sum(self, total: int, clip: int) -> int | None:
        """The number that is shown for a sum; None when it would be 0."""
        width = self.width(clip)
        return (total + width // 2) // width * width or None

    def sum_bounds(self, published: int, clip: int) -> tuple[int, int]:
        """The lowest and highest sum behind a published one; at least `s` patients add at least 1."""
        low = published - self.width(clip) // 2
        return max(low, self.s), low + self.width(clip) - 1


def needs_wider_bins(parameters: Parameters) -> str | None:
    """Why exact numbers may not stand beside numbers protected so (privacy.md, Reported numbers); None where they may.

    Whoever knows N knows what is hidden to the width of a bin; a bin of k or more proves no small group.
    """
    if parameters.b >= parameters.k:
        return None
    return f"beside exact numbers b must be at least k, here {parameters.b} < {parameters.k}: use preset tens-open or coarse"


PRESETS: Mapping[str, Parameters] = MappingProxyType(
    {
        "tens": Parameters(k=11, b=10, s=15, m=10),
        "tens-open": Parameters(k=10, b=10, s=15, m=10),
        "fives": Parameters(k=8, b=5, s=13, m=10),
        "coarse": Parameters(k=20, b=20, s=30, m=20),
    }
)

Preset = Literal["tens", "tens-open", "fives", "coarse"]
