"""What would leave at a grid point, beside what left last and what is true: for people of the site only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from studyscope_contract.canonical import content_hash
from studyscope_contract.metric import Kind, Table, TableKey
from studyscope_contract.report import SignedReport
from studyscope_exporter.disclosure.asking import timed_out
from studyscope_exporter.disclosure.bins import Shown
from studyscope_exporter.disclosure.census import Answer, Column, counted
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.history import Release
from studyscope_exporter.disclosure.magnitude import summed_up
from studyscope_exporter.disclosure.neighbours import Overlap
from studyscope_exporter.disclosure.reporting import is_shown
from studyscope_exporter.disclosure.state import State
from studyscope_exporter.disclosure.stepping import Step
from studyscope_exporter.disclosure.terms import Terms

Situation = Literal[
    "moves", "gathering", "waiting", "held", "not_approved", "timed_out", "refused", "retired", "no_source", "reported"
]
"""`gathering`: too few patients changed yet; `waiting`: frozen, its secret delay runs; `held`: by the audit;
`reported`: exact, with every report."""


@dataclass(frozen=True)
class TablePreview:
    """One table: its numbers now, its numbers next, and the exact ones, which never leave the site."""

    key: TableKey
    situation: Situation
    now: Shown
    next: Shown
    exact: Mapping[Cell, int] = field(repr=False)
    due: int | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Pending:
    """A table that waits for approvers; `definition` names its closed code list, `missing` so many signatures are missing."""

    key: TableKey
    definition: str
    missing: int
    timed_out: bool = False  # held: it was not signed in time


@dataclass(frozen=True)
class Preview:
    """`report` is, byte for byte, what a release at `grid_point` would send; everything else is local.

    `passed` is the audit's verdict, None where nothing new was to be judged. `releases` is everything
    ever shown with what was behind it, this grid point included. `overlaps` are with the other studies here.
    """

    grid_point: int
    report: SignedReport
    tables: tuple[TablePreview, ...]
    frozen: str | None = None
    why_held: tuple[str, ...] = field(default=(), repr=False)
    passed: bool | None = None
    pending: tuple[Pending, ...] = ()
    releases: tuple[Release, ...] = field(default=(), repr=False)
    overlaps: tuple[Overlap, ...] = ()

    @property
    def shown_hash(self) -> str:
        """Names what an approver is shown: the policy, and of each table that waits its codes and numbers."""
        report = self.report.report
        return shown_hash(report.study, report.site, report.policy.hash, self.waiting_tables())

    def waiting_tables(self) -> list[dict[str, Any]]:
        """What an approver signs of each table that waits: its definition, its numbers now and next."""
        numbers = {table.key: (table.now, table.next) for table in self.tables}
        return [
            {"table": str(one.key), "definition": one.definition, "now": _listed(now), "next": _listed(following)}
            for one in self.pending
            for now, following in [numbers.get(one.key, ((), ()))]
        ]


def shown_hash(study: str, site: str, policy: str, tables: Sequence[Mapping[str, Any]]) -> str:
    """Names what an approver is shown; `tables` as `Preview.waiting_tables` gives them."""
    return content_hash({"study": study, "site": site, "policy": policy, "tables": [dict(table) for table in tables]})


def _listed(shown: Shown) -> list[list[Any]]:
    return [[list(cell), value] for cell, value in shown]


def pending_tables(state: State, terms: Terms) -> tuple[Pending, ...]:
    """What waits for approvers, in the order of the catalogue."""
    late = timed_out(state, terms)
    return tuple(
        Pending(key, terms.definitions[key], terms.approvals_missing(key, state), key in late) for key in terms.waiting(state)
    )


def table_previews(before: State, step: Step, terms: Terms) -> tuple[TablePreview, ...]:
    approved = terms.approved(before)
    return tuple(_preview(key, before, step, terms, approved) for key in terms.tables)


def _preview(key: TableKey, before: State, step: Step, terms: Terms, approved: frozenset[TableKey]) -> TablePreview:
    def shown(state: State) -> Shown:
        return state.table(key).shown if key in approved and is_shown(key, state, terms) else ()

    columns = {} if step.counted is None else step.counted.columns
    answers = () if step.counted is None else step.counted.state.answers
    exact = _exact(terms.tables[key], columns[key], answers) if key in columns else {}
    due = _due(key, step.state, terms)
    return TablePreview(key, _situation(key, step, terms, approved, due), shown(before), shown(step.state), exact, due)


def _exact(table: Table, column: Column, answers: tuple[Answer, ...]) -> dict[Cell, int]:
    counts = counted(column, answers)
    if table.kind is Kind.MAGNITUDE:
        return {(): int(summed_up(counts))}
    return {cell: int(n) for cell, n in counts.items()}


def _due(key: TableKey, state: State, terms: Terms) -> int | None:
    own = state.table(key).waiting
    if state.waiting is not None and terms.whole(key):
        return state.waiting.due
    return None if own is None else own.due


def _situation(key: TableKey, step: Step, terms: Terms, approved: frozenset[TableKey], due: int | None) -> Situation:
    if terms.refused(key):
        return "refused"
    if step.state.table(key).retired:
        return "retired"
    if key not in approved:
        return "timed_out" if key in timed_out(step.state, terms) else "not_approved"
    if step.counted is not None and key not in step.counted.columns:
        return "no_source"
    if key in terms.reported:
        return "reported"
    if key in step.moved:
        return "moves"
    if step.verdict is not None and not step.verdict.passed:
        return "held"
    return "gathering" if due is None else "waiting"
