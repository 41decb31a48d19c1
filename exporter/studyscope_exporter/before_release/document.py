"""The preview as a document: who gets what, table by table, in plain words. Pure; HTML and terminal only draw it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from studyscope_contract.metric import Kind, Table
from studyscope_contract.policy import Policy
from studyscope_contract.study import Study
from studyscope_exporter.before_release.conclusions import Conclusion, conclusions
from studyscope_exporter.before_release.hidden import Hidden, hidden_cells, not_empty
from studyscope_exporter.before_release.words import (
    SITUATIONS,
    bucket_words,
    cell_words,
    named,
    nearly_the_same,
    overlap_words,
    table_words,
)
from studyscope_exporter.disclosure.bins import Shown
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.inference import Interval
from studyscope_exporter.disclosure.preview import Preview, TablePreview
from studyscope_exporter.policy_words import policy_sentences

Mark = Literal["new", "changed", "removed", "same"]
NOT_NOW = "no number of it changes with this report"
NOTHING_YET = "nothing was counted for it here yet"
NO_NUMBER_YET = "shows no number yet: too few patients are in it, or came to it since it was counted last"
BESIDE_ANOTHER = (
    "shows no number yet: too few are in it, or the other study here that is named above has counted nearly the same people"
)
STILL_NO_NUMBER = "is counted with the next report, and shows no number then either"


@dataclass(frozen=True)
class Line:
    """One number: what the centre has now, what it would have next, and the exact one where it may be told."""

    words: str
    now: int | None
    next: int | None
    exact: int | None = field(repr=False)
    mark: Mark = "same"


@dataclass(frozen=True)
class Section:
    """One table. `missing`: so many approvers have still to sign."""

    name: str
    title: str
    rule: str
    situation: str
    missing: int
    lines: tuple[Line, ...]
    hidden: tuple[Hidden, ...]
    exactly: bool = False  # what leaves are the exact numbers


@dataclass(frozen=True)
class Unfilled:
    """A table that waits for an approver and of which nothing is or would be shown; `parts`: of which structures and the like."""

    name: str
    title: str
    rule: str
    situation: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Document:
    """Everything that an approver reads. `exact` says whether it holds numbers that must stay in the house."""

    study: str
    title: str
    site: str
    recipient: str
    moment: str
    minute: int
    policy: tuple[str, ...]
    exact: bool
    activity: str
    stopped: str | None
    verdict: str
    conclusions: tuple[Conclusion, ...]
    overlaps: tuple[str, ...]  # with other studies of this hospital, exact
    sections: tuple[Section, ...]
    unfilled: tuple[Unfilled, ...]
    silent: tuple[Section, ...]
    pending: int
    exactly: tuple[str, ...]  # tables whose exact numbers leave
    legal_basis: str
    shown_hash: str
    command: str
    bytes: str

    @property
    def moving(self) -> int:
        """How many numbers would be new, changed or removed."""
        return sum(line.mark != "same" for section in self.sections for line in section.lines)


def document(
    preview: Preview, intervals: Sequence[Interval], *, study: Study, policy: Policy, recipient: str, minute: int, exact: bool
) -> Document:
    """`preview` in words; without `exact` nothing in it says more than what would leave."""
    tables, missing = dict(study.tables()), {one.key: one.missing for one in preview.pending}
    sections = [
        _section(each, tables[each.key], study, policy, missing.get(each.key, 0), not_empty(each, intervals), exact=exact)
        for each in preview.tables
    ]
    k = policy.parameters.k
    if any(nearly_the_same(one, k) for one in preview.overlaps):
        sections = [replace(one, situation=BESIDE_ANOTHER) if one.situation == NO_NUMBER_YET else one for one in sections]
    spoken = [one for one in sections if one.lines or (one.missing and (one.hidden or one.exactly))]
    waiting = [each for each, one in zip(preview.tables, sections, strict=True) if one.missing and one not in spoken]
    report = preview.report.report
    return Document(
        study=study.id,
        title=study.title,
        site=report.site,
        recipient=recipient,
        moment=f"{policy.grid.moment(preview.grid_point):%A, %d %B %Y, %H:%M} UTC",
        minute=minute,
        policy=tuple(policy_sentences(policy)),
        exact=exact,
        activity=report.activity,
        stopped=preview.frozen,
        verdict=_verdict(preview, exact=exact),
        conclusions=tuple(conclusions(intervals, study, policy.parameters)) if exact else (),
        overlaps=tuple(overlap_words(one, k) for one in preview.overlaps) if exact else (),
        sections=tuple(spoken),
        unfilled=tuple(_unfilled(waiting, study, exact=exact)),
        silent=tuple(one for one in sections if one not in spoken and not one.missing),
        pending=len(preview.pending),
        exactly=tuple(one.title for one in sections if one.exactly),
        legal_basis="" if policy.disclosure is None else policy.disclosure.legal_basis,
        shown_hash=preview.shown_hash,
        command=f"studyscope-exporter approve --study {study.id} --key YOUR-KEY --shown {preview.shown_hash}",
        bytes=preview.report.to_bytes().decode("ascii"),
    )


def _section(
    preview: TablePreview, table: Table, study: Study, policy: Policy, missing: int, told: Mapping[Cell, tuple[int, int]],
    *, exact: bool,
) -> Section:  # fmt: skip
    codes, parameters = study.codes(table), policy.parameters
    return Section(
        name=str(preview.key),
        title=table_words(study, preview.key, table),
        rule=table.rule.replace("`", ""),
        situation=_situation(preview, exact=exact),
        missing=missing,
        lines=tuple(_lines(preview, table, codes, exact=exact)),
        hidden=tuple(hidden_cells(preview, table, codes, parameters, told, exact=exact)),
        exactly=preview.key.table in policy.reported,
    )


def _situation(preview: TablePreview, *, exact: bool) -> str:
    numbers = preview.now or preview.next
    if not exact and (preview.situation in ("gathering", "waiting", "held") or (preview.situation == "moves" and not numbers)):
        return NOT_NOW
    if preview.situation == "gathering" and not preview.now:
        return NO_NUMBER_YET if any(preview.exact.values()) else NOTHING_YET
    return SITUATIONS[preview.situation] if numbers or preview.situation != "moves" else STILL_NO_NUMBER


def _unfilled(waiting: Sequence[TablePreview], study: Study, *, exact: bool) -> Iterator[Unfilled]:
    """One for each table of the catalogue, so that nobody reads the same sentence once per structure."""
    tables, found = dict(study.tables()), dict[tuple[str, str], list[str]]()
    for each in waiting:
        parts = found.setdefault((each.key.table, _situation(each, exact=exact)), [])
        parts.extend([named(study, tables[each.key], each.key.per)] if each.key.per else [])
    by_id = {key.table: table for key, table in tables.items()}
    for (name, situation), parts in found.items():
        yield Unfilled(name, by_id[name].help.removesuffix("."), by_id[name].rule.replace("`", ""), situation, tuple(parts))


def _lines(preview: TablePreview, table: Table, codes: Sequence[Cell], *, exact: bool) -> Iterator[Line]:
    now, following = dict(preview.now), dict(preview.next)
    counts = counts_as_shown(preview.exact, preview.next, table) if exact else {}
    buckets = bucket_words(table, following or now) if table.kind is Kind.HISTOGRAM else {}
    for cell in codes:
        if cell in now or cell in following:
            before, after = now.get(cell), following.get(cell)
            words = buckets.get(cell) or cell_words(table, cell)
            yield Line(words, before, after, counts.get(cell, 0) if exact else None, _mark(before, after))


def counts_as_shown(exact: Mapping[Cell, int], shown: Shown, table: Table) -> dict[Cell, int]:
    """The exact counts behind the cells that are shown; of a histogram behind each merged bucket."""
    if table.kind is not Kind.HISTOGRAM or not shown:
        return dict(exact)
    counts, since, ends = dict[Cell, int](), 0, {cell for cell, _ in shown}
    for cell in table.cells:
        since += exact.get(cell, 0)
        if cell in ends:
            counts[cell], since = since, 0
    return counts


def _mark(before: int | None, after: int | None) -> Mark:
    if before == after:
        return "same"
    if before is None:
        return "new"
    return "removed" if after is None else "changed"


def _verdict(preview: Preview, *, exact: bool) -> str:
    if preview.passed is None or (not exact and not preview.passed):
        return "Nothing new would be shown with this report, so there was nothing to judge."
    if preview.passed:
        return (
            "Passed. For every small group, now and in everything published before, there is another hospital that would have "
            "published exactly the same and in which that group is empty or large enough."
        )
    return (
        "Held: together with what was published before, by this study and others here, it would prove a small group, or that "
        "could not be ruled out in time. "
        "Nothing moves, which outside looks as if too few people had changed. It is tried again by itself for the next report. "
        "Concerned, perhaps among others: " + "; ".join(preview.why_held)
    )
