"""A table that a hospital keeps in a file, to which lines are added day by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from studyscope_demo.world.patients import Course

Line = tuple[int, str]
"""The number of the day on which it is written, and the line."""


@dataclass(frozen=True)
class GrowingTable:
    """`heading` is empty for a log of JSON lines; `lines` draws what a patient adds, given the demo's first day."""

    file: str
    heading: str
    lines: Callable[[Course, np.random.Generator, dt.date], Iterator[Line]]
