"""The site's disclosure policy: the hospital owns it. Its numbers and their floors are in `parameters`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from studyscope_contract.canonical import content_hash
from studyscope_contract.catalogue import TABLES
from studyscope_contract.grid import Grid
from studyscope_contract.metric import Kind, Table
from studyscope_contract.names import Text
from studyscope_contract.parameters import PRESETS, Parameters, Preset, needs_wider_bins
from studyscope_contract.yaml_file import Strict

__all__ = [
    "OF_READERS",
    "PRESETS",
    "REPORTABLE",
    "Deletions",
    "Disclosure",
    "Parameters",
    "Policy",
    "Preset",
    "Readers",
    "Stricter",
    "needs_wider_bins",
]

REPORTABLE = tuple(sorted(table.id for table in TABLES.values() if table.reportable))
"""Tables of the catalogue that may leave with unit `reported`."""


OF_READERS = tuple(sorted(table.id for table in TABLES.values() if table.of_readers))
"""Tables of the catalogue that tell of the work of people too."""


class Stricter(Strict):
    """What a study asks of the policies of its sites: more protection, never less."""

    k: int | None = Field(default=None, ge=5)
    b: int | None = Field(default=None, ge=5)
    s: int | None = None
    m: int | None = Field(default=None, ge=5)
    refuse: tuple[str, ...] = Field(default=(), description="tables of the catalogue that no site may let out")


class Deletions(Strict):
    """What becomes of a published table that holds people who have left and that too few others moved since."""

    max_hold_days: int = Field(default=180, ge=30, le=3650, description="for so long it stays whatever `action` says")
    action: Literal["carry", "retire"] = Field(
        default="carry", description="carry: it stays until it moves, as an anonymous aggregate; retire: it is hidden for good"
    )


DEFAULT_APPROVAL_DAYS = 30


class Disclosure(Strict):
    """`disclosure: reported`: progress tables that a study's approved protocol obliges the site to report exactly."""

    reported: tuple[str, ...] = Field(min_length=1, description="progress tables that leave as exact numbers; two approvers each")
    legal_basis: Annotated[Text, StringConstraints(min_length=20)] = Field(
        description="which protocol obliges to it, in which paragraph, and who approved that"
    )

    @field_validator("reported")
    @classmethod
    def _progress_tables_only(cls, tables: tuple[str, ...]) -> tuple[str, ...]:
        for table in tables:
            if table not in REPORTABLE:
                raise ValueError(f"{table!r} cannot be reported exactly; allowed: {', '.join(REPORTABLE)}")
        return tuple(sorted(set(tables)))


class Readers(Strict):
    """Tables that tell of the work of people too, as annotation: off unless the hospital declares them."""

    tables: tuple[str, ...] = Field(min_length=1, description="tables of the catalogue; two approvers each")
    legal_basis: Annotated[Text, StringConstraints(min_length=20)] = Field(
        description="on what ground the work of employees is told, as a works agreement and its paragraph"
    )

    @field_validator("tables")
    @classmethod
    def _of_readers_only(cls, tables: tuple[str, ...]) -> tuple[str, ...]:
        for table in tables:
            if table not in OF_READERS:
                raise ValueError(f"{table!r} is no table about the work of people; allowed: {', '.join(OF_READERS)}")
        return tuple(sorted(set(tables)))


class Policy(Strict):
    """What a hospital lets out of one study.

    A preset, and only what is stricter than it; tables listed in `refuse` never leave.
    """

    preset: Preset = "tens"
    k: int | None = None
    b: int | None = None
    s: int | None = None
    m: int | None = None
    grid: Grid = Grid()
    delay_days: int = Field(default=13, ge=6, le=60, description="longest secret delay of a release, in days")
    deletions: Deletions = Deletions()
    refuse: tuple[str, ...] = Field(default=(), description="tables of the catalogue that never leave")
    two_way: tuple[str, ...] = Field(default=(), description="two-way tables of the catalogue that may leave; two approvers each")

    disclosure: Disclosure | None = Field(
        default=None, description="exact numbers that the protocol obliges to; chosen before the first release, never later"
    )
    readers: Readers | None = Field(
        default=None, description="tables about the work of people that may leave; none when left out"
    )
    approvals: Literal["auto", "one", "four_eyes"] = Field(
        default="one",
        description="who lets a table out the first time; auto: the signature under the policy alone. A two-way table and one "
        "that was shown under other rules always need two",
    )

    approval_days: int = Field(
        default=DEFAULT_APPROVAL_DAYS,
        ge=1,
        le=365,
        description="a request for approval that is not answered in so many days is held: its signatures lapse",
    )

    @model_validator(mode="after")
    def _tables_of_the_catalogue(self) -> Self:
        two_way = sorted(table.id for table in TABLES.values() if table.kind is Kind.TWO_WAY)
        for name, allowed in (("refuse", sorted(TABLES)), ("two_way", two_way)):
            for table in getattr(self, name):
                if table not in allowed:
                    raise ValueError(f"{name}: {table!r} is no table for this list; allowed: {', '.join(allowed)}")
        return self

    @model_validator(mode="after")
    def _stricter_only(self) -> Self:
        base = PRESETS[self.preset]
        for name in ("k", "b", "s", "m"):
            own, least = getattr(self, name), getattr(base, name)
            if own is not None and own < least:
                raise ValueError(f"{name} = {own} is looser than preset {self.preset} ({least}); only stricter is allowed")
        numbers = self.parameters  # raises when the four do not fit together
        problem = needs_wider_bins(numbers) if self.disclosure else None
        if problem:
            raise ValueError(f"disclosure: {problem}")
        return self

    def tightened(self, asked: Stricter) -> Policy:
        """This policy with what a study asks for, where that is stricter; raises ValueError when the four do not fit together."""
        own = self.parameters
        numbers = {name: max(getattr(own, name), getattr(asked, name) or 0) for name in ("k", "b", "s", "m")}
        if numbers == own.model_dump() and set(asked.refuse) <= set(self.refuse):
            return self
        refuse = tuple(sorted({*self.refuse, *asked.refuse}))
        return Policy.model_validate(self.model_dump() | numbers | {"refuse": refuse})

    @property
    def parameters(self) -> Parameters:
        base = PRESETS[self.preset]
        return Parameters(**{name: getattr(self, name) or getattr(base, name) for name in ("k", "b", "s", "m")})

    @property
    def reported(self) -> tuple[str, ...]:
        """Tables that leave as exact numbers."""
        return () if self.disclosure is None else self.disclosure.reported

    def declares(self, table: Table) -> bool:
        """Whether the table may exist at all: a crossing and one about the work of people only where it is named here."""
        if table.kind is Kind.TWO_WAY:
            return table.id in self.two_way
        return not table.of_readers or (self.readers is not None and table.id in self.readers.tables)

    @property
    def hash(self) -> str:
        """Names this policy in approvals, the ledger and reports."""
        declared: dict[str, Any] = {"two_way": sorted(self.two_way)} if self.two_way else {}
        if self.deletions != Deletions():
            declared["deletions"] = self.deletions.model_dump()
        if self.disclosure is not None:
            declared["legal_basis"] = self.disclosure.legal_basis
        if self.readers is not None:
            declared["readers"] = self.readers.model_dump(mode="json")
        if self.approval_days != DEFAULT_APPROVAL_DAYS:
            declared["approval_days"] = self.approval_days
        if self.approvals != "one":
            declared["approvals"] = self.approvals
        return content_hash(self._rules | {"refuse": sorted(self.refuse)} | declared)

    @property
    def rules_hash(self) -> str:
        """Names how numbers are protected, whichever tables leave: what a table's approval is bound to.

        Offering or refusing one table thus asks nobody to approve the others again.
        """
        return content_hash(self._rules)

    @property
    def _rules(self) -> dict[str, Any]:
        rules = {"preset": self.preset, **self.parameters.model_dump(), "grid": self.grid.model_dump()}
        return rules | {"delay_days": self.delay_days} | ({"reported": list(self.reported)} if self.reported else {})
