"""One spelling for texts that mean the same: what code lists compare, and nothing else."""

from __future__ import annotations

import unicodedata

LONGEST_TEXT = 256
"""Characters of a text that are looked at; DICOM's LO holds 64, so more is damage or a mistake."""

RULES = 1
"""Counted up when this module or the matching changes what a text means; part of the vocabulary's hash."""


def normalised(text: str) -> str:
    """`text` in lower case, without accents, punctuation and symbols as single spaces; may be empty.

    Linear in the text, and never longer than a fixed multiple of LONGEST_TEXT.
    """
    folded = unicodedata.normalize("NFKD", text.strip()[:LONGEST_TEXT]).casefold()
    # Once more: case folding can leave what NFKC would still compose or take apart.
    plain = unicodedata.normalize("NFKD", folded)
    kept = (_kept(character) for character in plain)
    return " ".join("".join(kept).split())


def _kept(character: str) -> str:
    if character.isalnum():
        return character
    return "" if unicodedata.category(character).startswith("M") else " "


def says_nothing(text: str) -> bool:
    """Whether `text` holds only space, control characters and punctuation, such as a lone dash."""
    return all(character.isspace() or unicodedata.category(character) in _NOTHING for character in text.strip()[:LONGEST_TEXT])


_NOTHING = frozenset({"Cc", "Cf", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Zs", "Zl", "Zp"})
