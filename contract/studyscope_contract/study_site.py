"""A hospital in the study file: where it is, how many patients it is to bring, and what it passes before data flow."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from studyscope_contract.names import Slug, Text
from studyscope_contract.yaml_file import Strict

Milestone = Literal["contract", "ethics", "network", "installed", "data_ready"]


class Target(Strict):
    """So many patients by a day; a later target counts from the day it was agreed on."""

    patients: int = Field(ge=1)
    by: dt.date
    valid_from: dt.date


class StudySite(Strict):
    """A hospital that takes part in the study."""

    id: Slug
    name: Text
    city: Text
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    targets: tuple[Target, ...] = ()
    member_from: dt.date
    member_until: dt.date | None = None
    milestones: dict[Milestone, dt.date] = Field(default_factory=dict, description="due day of each step before data flow")

    def is_member(self, day: dt.date) -> bool:
        return self.member_from <= day and (self.member_until is None or day <= self.member_until)

    def target(self, day: dt.date) -> Target | None:
        """The target in force on `day`: the one agreed on last."""
        agreed = [target for target in self.targets if target.valid_from <= day]
        return max(agreed, key=lambda target: target.valid_from, default=None)
