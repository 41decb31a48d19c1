"""Colours that people with any colour vision can tell apart (Okabe and Ito), and what they stand for.

A colour never stands alone: states also have a sign and a word.
"""

from __future__ import annotations

from collections.abc import Sequence

BLUE = "#3B8FC4"
ORANGE = "#E69F00"
GREEN = "#2BA884"
VERMILION = "#D55E00"
SKY = "#7CC4EC"
PURPLE = "#C07AA8"
YELLOW = "#D9CB2F"
GREY = "#8E949B"

CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, GREY)

STATE_COLOURS = {
    "fresh": GREEN,
    "late": ORANGE,
    "silent": VERMILION,
    "never_reported": PURPLE,
    "paused": SKY,
    "frozen": BLUE,
    "withdrawn": YELLOW,
    "closed": GREY,
}

STATE_WORDS = {
    "fresh": "● fresh",
    "late": "◐ late",
    "silent": "○ silent",
    "never_reported": "□ never reported",
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
