"""From when on the people of a study are told of something."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from studyscope_contract.yaml_file import Strict


class AlertThresholds(Strict):
    """When the study's leads and coordinators are told, in grid points of the site."""

    late_after: int = Field(default=2, ge=1, description="missed grid points after which a site is late")
    silent_after: int = Field(default=4, ge=2, description="missed grid points after which a site is silent")
    never_reported_after: int = Field(default=14, ge=1, description="grid points since membership without any report")
    drop_from_current_after: int = Field(
        default=14, ge=1, description="missed grid points after which a site leaves the current totals"
    )

    behind_plan_percent: int = Field(default=80, ge=1, le=99, description="a site under this share of its plan is behind")
    job_failure_percent: int = Field(default=20, ge=1, le=99, description="a workflow that fails for more patients is told of")
    missing_structure_percent: int = Field(default=20, ge=1, le=99, description="the same for a structure that is missing")
    missing_images_percent: int = Field(
        default=20, ge=1, le=99, description="the same for images of a time point whose window has passed"
    )
    least_patients: int = Field(default=50, ge=20, description="no share is judged over fewer patients than this")
    coverage_percent: int = Field(default=70, ge=1, le=99, description="fewer of the sites in the current totals are told of")

    @model_validator(mode="after")
    def _late_comes_first(self) -> Self:
        if not self.late_after < self.silent_after <= self.drop_from_current_after:
            raise ValueError("late_after must be less than silent_after, and silent_after at most drop_from_current_after")
        return self
