"""What the merged buckets of a histogram say of the fine ones: an attacker knows the rule of merging (privacy.md 2.7)."""

from __future__ import annotations

from collections.abc import Sequence

from studyscope_contract.policy import Parameters
from studyscope_exporter.attack.published import Cell, Shown
from studyscope_exporter.attack.puzzle import Puzzle


def bucket_facts(puzzle: Puzzle, fine: Sequence[tuple[Cell, int]], shown: Shown, before: Shown, parameters: Parameters) -> None:
    """Each merged bucket holds its number; one that is whole could not be split; a new edge came as early as it could."""
    start = 0
    for end, (edge, _) in enumerate(fine):
        if edge not in shown:
            continue
        inside = [unknown for _, unknown in fine[start : end + 1]]
        low, high = parameters.bounds(shown[edge])
        puzzle.row(low, high, [(unknown, 1) for unknown in inside])
        if edge not in before and edge != fine[-1][0]:
            puzzle.row(0, parameters.s - 1, [(unknown, 1) for unknown in inside[:-1]])
        elif len(inside) > 1:
            _could_not_be_split(puzzle, inside, parameters.s - 1, high)
        start = end + 1


def _could_not_be_split(puzzle: Puzzle, inside: Sequence[int], few: int, most: int) -> None:
    """At some fine bucket, those before it are too few to stand alone and so are those after it."""
    for at, choice in enumerate(puzzle.one_of(len(inside))):
        for side in (inside[:at], inside[at + 1 :]):
            if side:
                puzzle.if_chosen(choice, [(unknown, 1) for unknown in side], at_most=few, slack=most)
