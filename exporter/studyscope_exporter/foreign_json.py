"""JSON as other programs write it, as texts that can be stored, hashed and printed."""

from __future__ import annotations

import json
from typing import Any


def parsed(text: str, **options: Any) -> Any:
    """As `json.loads`, but half a surrogate pair, which JSON can write and no encoding can, becomes a question mark.

    Raises ValueError and RecursionError.
    """
    content = json.loads(text, **options)
    if "\\ud" in text.lower():
        content = json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"), **options)
    return content
