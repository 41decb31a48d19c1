"""A closed list of codes, and how dirty text becomes one of them.

1. The whole text, normalised, is an `exact` spelling: that code.
2. Otherwise the `words` that occur, from the left, the longest first; each word of the text counts once.
   One code: that code. Several: the first `combined` rule whose parts all occur, else the first in the file.
3. Otherwise `other`; a text that says nothing is `not_stated`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from studyscope_contract.spelling import LONGEST_TEXT, normalised, says_nothing

OTHER = "other"
NOT_STATED = "not_stated"


@dataclass(frozen=True)
class Words:
    """Words and word sequences that decide, each with the code or mark that it stands for."""

    sequences: Mapping[tuple[str, ...], str]
    beginnings: Mapping[str, str]  # of one word: "lightspeed" also stands for lightspeed16

    @cached_property
    def longest(self) -> int:
        return max((len(sequence) for sequence in self.sequences), default=0)

    @cached_property
    def shortest_beginning(self) -> int:
        return min((len(beginning) for beginning in self.beginnings), default=LONGEST_TEXT)

    def found(self, words: list[str]) -> set[str]:
        """Codes and marks that occur in `words`."""
        found: set[str] = set()
        longest, shortest, position = self.longest, self.shortest_beginning, 0
        while position < len(words):
            for length in range(min(longest, len(words) - position), 0, -1):
                code = self.sequences.get(tuple(words[position : position + length]))
                if code is not None:
                    break
            else:
                length, code = 1, self._by_beginning(words[position], shortest)
            if code is not None:
                found.add(code)
            position += length
        return found

    def _by_beginning(self, word: str, shortest: int) -> str | None:
        for length in range(min(len(word), LONGEST_TEXT), shortest - 1, -1):
            code = self.beginnings.get(word[:length])
            if code is not None:
                return code
        return None


@dataclass(frozen=True, eq=False)
class CodeList:
    """The codes of one attribute, in the order in which people read them; the last are other and not_stated."""

    name: str
    title: str
    codes: tuple[str, ...]
    labels: Mapping[str, str] = field(repr=False)
    exact: Mapping[str, str] = field(repr=False)  # normalised spelling -> code
    words: Words = field(repr=False)
    combined: tuple[tuple[str, frozenset[str]], ...] = field(default=(), repr=False)  # code, parts; first wins
    remembered: int = field(default=16_384, repr=False)  # distinct texts kept with their code
    _known: dict[str | None, str] = field(default_factory=dict, init=False, repr=False)

    def label(self, code: str) -> str:
        """The name of `code` for people. KeyError when it is not a code of this list."""
        return self.labels[code]

    def code(self, text: str | None) -> str:
        """The code of `text`, always one of `codes`; not_stated when it says nothing, other when it is unknown.

        Total over any str. Distinct short texts are remembered up to a bound, because a scan asks for the
        same few spellings millions of times.
        """
        known = self._known.get(text)
        if known is not None:
            return known
        code = self._decided(text)
        if text is None or len(text) <= LONGEST_TEXT:
            if len(self._known) >= self.remembered:
                self._known.clear()
            self._known[text] = code
        return code

    def _decided(self, text: str | None) -> str:
        if text is None or says_nothing(text):
            return NOT_STATED
        spelling = normalised(text)
        code = self.exact.get(spelling)
        return code if code is not None else self._by_words(spelling.split())

    def _by_words(self, words: list[str]) -> str:
        found = self.words.found(words)
        for code, parts in self.combined:
            if parts <= found:
                return code
        return next((code for code in self.codes if code in found), OTHER)
