"""One byte sequence per content: what is hashed, signed and compared.

JSON with sorted keys, no spaces, ASCII only. Numbers are integers: a float has many spellings and
could carry more than it should, so a content that holds one is refused.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_bytes(content: Any) -> bytes:
    """`content` (dict, list, str, int, bool, None) as canonical JSON; raises TypeError on a float."""
    _refuse_floats(content)
    return serialised(content)


def serialised(content: Any) -> bytes:
    """Canonical JSON of a content whose type has no place for a float; the types of the report are such."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def content_hash(content: Any) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical_bytes(content)).hexdigest()


def _refuse_floats(content: Any) -> None:
    if type(content) is str or type(content) is int:  # nearly everything in a report
        return
    if isinstance(content, float):
        raise TypeError("a float cannot be signed: use an integer or a text")
    if isinstance(content, dict):
        for key, value in content.items():
            if not isinstance(key, str):
                raise TypeError(f"keys must be texts, not {type(key).__name__}")
            _refuse_floats(value)
    elif isinstance(content, (list, tuple)):
        for value in content:
            _refuse_floats(value)
