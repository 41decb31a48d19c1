"""Colours that people with any colour vision can tell apart, on light and on dark, and what they stand for.

Each has a contrast of at least 3 to both backgrounds; each pair lies far apart for people without one kind of cone, too
(tests/dashboards/test_colours_can_be_told_apart.py).

A colour never stands alone: states also have a sign and a word.
"""

from __future__ import annotations

from collections.abc import Sequence

BLUE = "#437DFC"
ORANGE = "#DC7D18"
GREEN = "#0EA776"
RUST = "#B73B13"
PETROL = "#2D6E90"
PINK = "#E55FCF"
OLIVE = "#A0964E"
GREY = "#636767"
VIOLET = "#6C3CFC"
"""Of a state only: no code of a list has it."""

CYCLE = (BLUE, ORANGE, GREEN, PINK, PETROL, RUST, OLIVE, GREY)

STATE_COLOURS = {
    "fresh": GREEN,
    "late": ORANGE,
    "silent": RUST,
    "never_reported": PINK,
    "retracted": VIOLET,
    "paused": PETROL,
    "frozen": BLUE,
    "withdrawn": OLIVE,
    "closed": GREY,
}

STATE_WORDS = {
    "fresh": "● fresh",
    "late": "◐ late",
    "silent": "○ silent",
    "never_reported": "□ never reported",
    "retracted": "← all taken back",
    "paused": "‖ paused",
    "frozen": "✱ frozen",
    "withdrawn": "→ left the study",
    "closed": "× closed",
}

UNKNOWN_CODES = frozenset({"other", "not_stated"})


def colours(codes: Sequence[str]) -> dict[str, str]:
    """A colour for each code of a closed list, always the same; unknown ones are grey."""
    known = [code for code in codes if code not in UNKNOWN_CODES]
    return {code: CYCLE[known.index(code) % 7] if code in known else GREY for code in codes}
