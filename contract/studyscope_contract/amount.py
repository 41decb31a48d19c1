"""A number of things in words."""

from __future__ import annotations


def amount(number: int, thing: str, things: str | None = None) -> str:
    """`1 report`, `2 reports`, `12,000 reports`; `things` where the plural is more than an s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
