"""Delivery by file: reports out, one signed report a line; the centre's answers back, one a line."""

from __future__ import annotations

import hashlib
from typing import Self

from pydantic import Field

from studyscope_contract.report import Sha256
from studyscope_contract.yaml_file import Frozen

SUCCESS = (200, 201)


class Answered(Frozen):
    """What the centre answered to one report of a file; the text of a report that was taken is its receipt."""

    sha256: Sha256 = Field(description="of the report's bytes")
    status: int = Field(ge=100, le=599)
    text: str = Field(max_length=10_000)

    @classmethod
    def to(cls, report: bytes, status: int, text: str) -> Self:
        return cls(sha256=hashlib.sha256(report).hexdigest(), status=status, text=text[:10_000])

    @property
    def is_taken(self) -> bool:
        return self.status in SUCCESS
