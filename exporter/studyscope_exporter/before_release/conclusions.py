"""What a colleague with every dashboard could conclude, one sentence per group (privacy.md 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from studyscope_contract.metric import Kind
from studyscope_contract.policy import Parameters
from studyscope_contract.study import Study
from studyscope_exporter.before_release.words import bucket_words, cell_words, table_words
from studyscope_exporter.disclosure.inference import Interval


@dataclass(frozen=True)
class Conclusion:
    """One group; `small` says that it truly has 1 to k-1 people, which nobody outside may prove."""

    table: str
    group: str
    shown: int | None
    low: int
    high: int | None
    small: bool = field(repr=False)
    exact: int = field(repr=False)
    sentence: str = field(repr=False)

    @property
    def width(self) -> int:
        """How many numbers are possible; what is open upwards counts as very many."""
        return 10**9 if self.high is None else self.high - self.low + 1


def conclusions(intervals: Sequence[Interval], study: Study, parameters: Parameters) -> Iterator[Conclusion]:
    """Small groups first, then the rest, in each the tightest interval first."""
    tables, found = dict(study.tables()), list[Conclusion]()
    ends = {one.key: {other.cell for other in intervals if other.key == one.key and other.shown is not None} for one in intervals}
    for one in intervals:
        table = tables.get(one.key)
        if table is None or table.kind is Kind.MAGNITUDE or (one.exact == 0 and one.shown is None):
            continue
        small = table.kind is not Kind.HISTOGRAM and 0 < one.exact < parameters.k
        bucket = bucket_words(table, ends[one.key]).get(one.cell) if table.kind is Kind.HISTOGRAM else None
        group, title = bucket or cell_words(table, one.cell), table_words(study, one.key, table)
        found.append(Conclusion(title, group, one.shown, one.low, one.high, small, one.exact, _sentence(one, parameters.k)))
    yield from sorted(found, key=lambda conclusion: (not conclusion.small, conclusion.width, conclusion.table, conclusion.group))


def _sentence(one: Interval, k: int) -> str:
    people = f"truly {one.exact} {'person' if one.exact == 1 else 'people'}"
    if one.low == 0:
        return f"{people}; it could as well be nobody"
    if one.high is None or one.high >= k:
        return f"{people}; it could as well be {'any number' if one.high is None else one.high}"
    return f"{people}, and a careful reader could prove {one.low} to {one.high}: such a release is held"
