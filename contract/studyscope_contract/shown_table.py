"""The parts of a report: a table as the site shows it, and the policy under which it does."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from studyscope_contract.grid import Grid
from studyscope_contract.names import Code, Slug
from studyscope_contract.policy import REPORTABLE, Parameters, Policy, Preset, needs_wider_bins
from studyscope_contract.site_facts import TableName
from studyscope_contract.yaml_file import Frozen

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ShownUnit = Literal["patient", "reported"]
"""Of the units of the catalogue those of numbers in tables (metric.Unit)."""
LEAST_PROTECTED = 5
"""No policy whatever shows a protected number under its own b, which is at least this."""


class Cell(Frozen):
    """One published number: the codes of its dimensions, in the catalogue's order, and the number.

    In a histogram the code is the upper edge of a merged bucket and the number that of the bucket
    alone, not cumulated.
    """

    codes: tuple[Code, ...] = Field(max_length=2)
    value: int = Field(ge=0, le=100_000_000)


class ProtectedTable(Frozen):
    """A table as the site shows it. A cell that is not listed is under the threshold or withheld.

    With unit `reported` its numbers are exact, as the study's protocol obliges, and every cell is listed.
    The fields stand in the order of the canonical form, as those of Cell do: they are written as they stand.
    """

    cells: tuple[Cell, ...] = Field(min_length=1, max_length=4096)
    per: Slug | Literal[""] = ""
    released: int = Field(ge=0, description="number of the grid point at which it last moved")
    table: TableName
    unit: ShownUnit = Field(default="patient", exclude_if=lambda unit: unit == "patient")
    version: int = Field(ge=1, description="how often it has moved since it was first shown")

    @model_validator(mode="after")
    def _nothing_small_is_protected(self) -> Self:
        if self.unit == "patient" and min(cell.value for cell in self.cells) < LEAST_PROTECTED:
            raise ValueError(f"a protected table holds a number under {LEAST_PROTECTED}")
        return self


class PolicyStatement(Frozen):
    """The policy in force, as far as readers of the numbers must know it."""

    preset: Preset
    parameters: Parameters
    grid: Grid
    hash: Sha256
    reported: tuple[TableName, ...] = Field(
        default=(), exclude_if=lambda tables: not tables, description="tables whose numbers are exact, as the protocol obliges"
    )

    @classmethod
    def of(cls, policy: Policy) -> Self:
        parts = {"preset": policy.preset, "parameters": policy.parameters, "grid": policy.grid, "hash": policy.hash}
        return cls.model_validate(parts | {"reported": policy.reported})

    @model_validator(mode="after")
    def _only_what_may_be_reported(self) -> Self:
        for table in self.reported:
            if table not in REPORTABLE:
                raise ValueError("a table is named as reported that may only leave protected")
        problem = needs_wider_bins(self.parameters) if self.reported else None
        if problem:
            raise ValueError(problem)
        return self
