"""Templates for names, such as `{PatientID}_{*}.nii.gz`: matched in linear time, unlike regular expressions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Identifier = Literal["PatientID", "StudyInstanceUID", "SeriesInstanceUID"]
IDENTIFIERS: tuple[Identifier, ...] = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")
_ANYTHING = "*"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class _Level:
    """One folder or file name: literals around placeholders, `len(literals) == len(names) + 1`."""

    literals: tuple[str, ...]
    names: tuple[str, ...]

    def match(self, text: str) -> dict[str, str] | None:
        if not self.names:
            return {} if text == self.literals[0] else None
        last = self.literals[-1]
        if not text.startswith(self.literals[0]) or not text.endswith(last):
            return None
        at, end = len(self.literals[0]), len(text) - len(last)
        found: dict[str, str] = {}
        for name, literal in zip(self.names, (*self.literals[1:-1], None), strict=True):
            stop = end if literal is None else text.find(literal, at + 1, end)
            if stop <= at or (name != _ANYTHING and found.setdefault(name, text[at:stop]) != text[at:stop]):
                return None
            at = stop + len(literal or "")
        return found


@dataclass(frozen=True)
class NameTemplate:
    """Placeholders are {PatientID}, {StudyInstanceUID}, {SeriesInstanceUID} and {*} for anything.

    A placeholder stands for at least one character, none of them `/`, and ends where the text behind
    it is found first; the last one of a level reaches as far as it can. One that is named twice must
    hold the same text both times. `/` separates folders; a template with n levels is matched against the
    last n levels of a path.
    """

    levels: tuple[_Level, ...]

    @classmethod
    def parse(cls, template: str) -> NameTemplate:
        """Raises ValueError that says what is allowed."""
        levels = tuple(_parsed_level(level) for level in template.split("/"))
        if not any(name in IDENTIFIERS for level in levels for name in level.names):
            raise ValueError("a pattern must hold {PatientID}, {StudyInstanceUID} or {SeriesInstanceUID}")
        return cls(levels)

    def match(self, path: str) -> dict[str, str]:
        """The identifiers in `path`; empty where it does not fit."""
        parts = path.split("/")[-len(self.levels) :]
        if len(parts) < len(self.levels):
            return {}
        found: dict[str, str] = {}
        for level, part in zip(self.levels, parts, strict=True):
            matched = level.match(part)
            if matched is None:
                return {}
            if any(found.get(name, text) != text for name, text in matched.items()):
                return {}
            found |= matched
        return found


def _parsed_level(level: str) -> _Level:
    pieces = _PLACEHOLDER.split(level)
    literals, names = tuple(pieces[::2]), tuple(pieces[1::2])
    if any("{" in literal or "}" in literal for literal in literals):
        raise ValueError("a brace is not closed; placeholders are {PatientID}, {StudyInstanceUID}, {SeriesInstanceUID} and {*}")
    for name in names:
        if name != _ANYTHING and name not in IDENTIFIERS:
            raise ValueError(
                f"unknown placeholder {{{name}}}; allowed: {{PatientID}}, {{StudyInstanceUID}}, {{SeriesInstanceUID}}, {{*}}"
            )
    if any(not literal for literal in literals[1:-1]):
        raise ValueError("between two placeholders there must be a text that separates them")
    return _Level(literals, names)
