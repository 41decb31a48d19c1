"""The grid: the only moments at which a published number may change."""

from __future__ import annotations

import datetime as dt
from typing import Literal, Self

from pydantic import Field

from studyscope_contract.yaml_file import Strict

_ORIGIN = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Grid(Strict):
    """Grid points every 1 or 7 days at a full hour UTC, numbered from 1970-01-01."""

    every_days: Literal[1, 7] = 1
    at_hour: int = Field(default=4, ge=0, le=23)

    @classmethod
    def through(cls, index: int, moment: dt.datetime) -> Self:
        """The grid whose point `index` is at `moment`, a full hour UTC; raises ValueError where none is."""
        for every_days in (1, 7):
            grid = cls.model_validate({"every_days": every_days, "at_hour": moment.astimezone(dt.UTC).hour})
            if grid.moment(index) == moment:
                return grid
        raise ValueError(f"{moment.isoformat()} is grid point {index} of no grid")

    @property
    def step(self) -> dt.timedelta:
        return dt.timedelta(days=self.every_days)

    def index(self, moment: dt.datetime) -> int:
        """The number of the last grid point at or before `moment` (aware)."""
        return (moment - _ORIGIN - dt.timedelta(hours=self.at_hour)) // self.step

    def moment(self, index: int) -> dt.datetime:
        """When grid point `index` is, in UTC."""
        return _ORIGIN + dt.timedelta(hours=self.at_hour) + index * self.step
