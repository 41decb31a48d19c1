"""Parts of the exporter that only some hospitals install.

ExtraMissing         a command needs packages of an extra that is not installed; `extra`
"""

from __future__ import annotations


class ExtraMissing(Exception):
    """The message says what to install."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs packages that are not installed here; run: pip install 'studyscope[exporter,{extra}]'")
        self.extra = extra
