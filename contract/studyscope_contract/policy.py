"""The site's disclosure policy and its hard floors.

The hospital owns it. Symbols as in statistical disclosure control: groups under `k` patients are
protected; counts are published as the nearest multiple of `b`; nothing below `s` is published; a
table moves only when at least `m` patients changed in it (privacy.md 2.2, 2.3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from studyscope_contract.canonical import content_hash
from studyscope_contract.catalogue import TABLES
from studyscope_contract.grid import Grid
from studyscope_contract.metric import Kind, Table
from studyscope_contract.names import Text
from studyscope_contract.yaml_file import Strict


class Parameters(Strict):
    """The four numbers of a policy, with the floors that no policy may go under."""

    k: int = Field(ge=5, description="groups of fewer patients are protected")
    b: int = Field(ge=5, description="counts are published as the nearest multiple of this")
    s: int = Field(description="nothing below this is published")
    m: int = Field(ge=5, description="a table moves only when so many patients changed in it")

    @model_validator(mode="after")
    def _one_subtraction_proves_nothing(self) -> Self:
        """The inequalities of privacy.md 0.3 and proof 2.5."""
        if self.s < self.k + 1:
            raise ValueError(f"s must be at least k+1 = {self.k + 1}, so that absence never proves a small group")
        if 2 * (self.b - 1) < self.k - 1:
            raise ValueError(f"2(b-1) must be at least k-1 = {self.k - 1}; raise b or lower k")
        if (self.s + self.b // 2) % self.b:
            raise ValueError(f"s must be a bin edge: a multiple of b = {self.b}, less {self.b // 2}")
        return self

    def published(self, count: int) -> int | None:
        """The number that is shown for `count` patients, None when nothing is."""
        if count < self.s:
            return None
        return (count + self.b // 2) // self.b * self.b

    def bounds(self, published: int | None) -> tuple[int, int]:
        """The lowest and highest count behind a published number; None is a cell under the threshold."""
        if published is None:
            return 0, self.s - 1
        return published - self.b // 2, published - self.b // 2 + self.b - 1

    def nests_in(self, older: Parameters) -> bool:
        """Whether each bin holds whole bins of `older`, so that no count is known better from both than from the older alone.

        A bin begins b // 2 below a multiple of b: with bins that begin elsewhere, or cut the older ones, two looks at the same
        people are two roundings of one number (privacy.md A18).
        """
        return self.b % older.b == 0 and (self.b // 2 - older.b // 2) % older.b == 0

    def can_publish(self, value: int) -> bool:
        """Whether `value` is a number that this policy can show."""
        return value % self.b == 0 and value - self.b // 2 >= self.s

    def can_publish_all(self, values: Collection[int]) -> bool:
        """Whether each of `values`, of which there is at least one, is a number that this policy can show."""
        return self.can_publish(min(values)) and not any(value % self.b for value in values)

    def width(self, clip: int) -> int:
        """In multiples of what a sum is shown to which one patient adds at most `clip` (privacy.md 2.6)."""
        step, factors = 1, (10, 25, 50)
        while True:
            for factor in factors:
                if factor * step >= max(self.b, clip):
                    return factor * step
            step *= 10

    def published_sum(self, total: int, clip: int) -> int | None:
        """The number that is shown for a sum; None when it would be 0."""
        width = self.width(clip)
        return (total + width // 2) // width * width or None

    def sum_bounds(self, published: int, clip: int) -> tuple[int, int]:
        """The lowest and highest sum behind a published one; at least `s` patients add at least 1."""
        low = published - self.width(clip) // 2
        return max(low, self.s), low + self.width(clip) - 1


REPORTABLE = tuple(sorted(table.id for table in TABLES.values() if table.reportable))
"""Tables of the catalogue that may leave with unit `reported`."""


OF_READERS = tuple(sorted(table.id for table in TABLES.values() if table.of_readers))
"""Tables of the catalogue that tell of the work of people too."""


def needs_wider_bins(parameters: Parameters) -> str | None:
    """Why exact numbers may not stand beside numbers protected so (privacy.md, Reported numbers); None where they may.

    Whoever knows N knows what is hidden to the width of a bin; a bin of k or more proves no small group.
    """
    if parameters.b >= parameters.k:
        return None
    return f"beside exact numbers b must be at least k, here {parameters.b} < {parameters.k}: use preset tens-open or coarse"


PRESETS: Mapping[str, Parameters] = MappingProxyType(
    {
        "tens": Parameters(k=11, b=10, s=15, m=10),
        "tens-open": Parameters(k=10, b=10, s=15, m=10),
        "fives": Parameters(k=8, b=5, s=13, m=10),
        "coarse": Parameters(k=20, b=20, s=30, m=20),
    }
)

Preset = Literal["tens", "tens-open", "fives", "coarse"]


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
