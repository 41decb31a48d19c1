"""What the first page says: every study with its total, every registered site with its state."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.forecast.curve import Curve
from studyscope_aggregator.progress_chart import ProgressChart, progress_chart
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.state import Member
from studyscope_aggregator.study_totals import StudyTotals
from studyscope_contract.catalogue.centre import SITE_STATES
from studyscope_contract.catalogue.progress import PATIENTS
from studyscope_contract.metric import TableKey
from studyscope_contract.study import Study

POPULATION = TableKey(PATIENTS.id)

STATE_WORDS = {
    "fresh": "fresh",
    "late": "late",
    "silent": "silent",
    "never_reported": "never reported",
    "retracted": "all reports taken back",
    "paused": "paused by the site",
    "frozen": "frozen",
    "withdrawn": "left the study",
    "closed": "closed",
}
ATTENTION = ("silent", "never_reported", "retracted", "frozen", "late")
OFFER_WORDS = {
    "refused": "not offered",
    "not_approved": "waits for the site's approval",
    "no_source": "no source",
}


@dataclass(frozen=True)
class SiteRow:
    """One site of a study."""

    id: str
    name: str
    city: str
    state: str
    state_words: str
    waits_for_key: bool
    last_report: str
    missed: int
    patients: str
    patients_shown: bool
    target: int | None
    share: str
    low_share: float
    high_share: float
    tables_offered: str
    tables_withheld: str
    refused: str
    refused_last: str
    release: str


@dataclass(frozen=True)
class StudyView:
    """One study: its population total against its target, and its sites."""

    id: str
    title: str
    version: int
    value: int | None
    bounds: str
    coverage: str
    why_open: str
    target: int
    share: str
    low_share: float
    high_share: float
    oldest: str
    pool: str
    states: tuple[tuple[str, str, int], ...]
    chart: ProgressChart | None
    rows: tuple[SiteRow, ...]


def study_views(
    consortium: Consortium,
    totals: Mapping[str, StudyTotals],
    curves: Mapping[str, Sequence[Curve]],
    now: dt.datetime,
    sees: Callable[[str, str], bool],
) -> list[StudyView]:
    """Every study in the order of its file; `sees` says of which site (study, site) there is a row."""
    by_study: dict[str, list[Member]] = {}
    for one in consortium.members(now):
        by_study.setdefault(one.study.id, []).append(one)
    return [
        _view(file.study, by_study.get(name, []), totals.get(name), curves.get(name, ()), consortium, now, sees)
        for name, file in consortium.registry.studies.items()
    ]


def _view(
    study: Study,
    members: list[Member],
    totals: StudyTotals | None,
    curves: Sequence[Curve],
    consortium: Consortium,
    now: dt.datetime,
    sees: Callable[[str, str], bool],
) -> StudyView:
    population = totals.of("last_known", POPULATION) if totals else None
    cell = population.cells[0] if population and population.cells else None
    expected = [one for one in members if one.expected]
    target = sum(found.patients for one in expected if (found := one.site.target(now.date())))
    low, high = (cell.lower, cell.upper) if cell else (0, None)
    counted = Counter(one.state for one in members)
    rows = [site_row(one, consortium, now) for one in sorted(members, key=_attention_first) if sees(study.id, one.site.id)]
    return StudyView(
        id=study.id,
        title=study.title,
        version=study.version,
        value=cell.value if cell else None,
        bounds=_range(low, high),
        coverage=f"{cell.sites if cell else 0} of {len(expected)} sites show their number",
        why_open="" if high is not None else _why_open(expected),
        target=target,
        share=_share(low, high, target),
        low_share=min(low / target, 1.0) if target else 0.0,
        high_share=min((high if high is not None else low) / target, 1.0) if target else 0.0,
        oldest=population.oldest.date().isoformat() if population and population.oldest else "",
        pool=_pool(cell.quartiles if cell else ()),
        states=tuple((state, STATE_WORDS[state], counted[state]) for state in SITE_STATES if counted[state]),
        chart=progress_chart(curves, expected, now),
        rows=tuple(rows),
    )


def _attention_first(one: Member) -> tuple[int, str]:
    return (ATTENTION.index(one.state) if one.state in ATTENTION else len(ATTENTION), one.site.name)


def site_row(one: Member, consortium: Consortium, now: dt.datetime) -> SiteRow:
    """What the first page says of one site."""
    standing = one.standing
    target = one.site.target(now.date())
    refusals = consortium.refusals(one.study.id, one.site.id)
    words, bounds = _patients(one)
    offered, withheld = _offers(standing)
    return SiteRow(
        id=one.site.id,
        name=one.site.name,
        city=one.site.city,
        state=one.state,
        state_words=STATE_WORDS[one.state],
        waits_for_key=standing is None and one.site.id not in consortium.registry.sites,
        last_report=last_report(one),
        missed=one.missed,
        patients=words,
        patients_shown=bounds is not None,
        target=target.patients if target else None,
        share=_share(*bounds, target.patients) if target and bounds else "",
        low_share=min(bounds[0] / target.patients, 1.0) if target and bounds else 0.0,
        high_share=min(bounds[1] / target.patients, 1.0) if target and bounds else 0.0,
        tables_offered=offered,
        tables_withheld=withheld,
        refused=", ".join(f"{found.count} {reason.replace('_', ' ')}" for reason, found in refusals.items()),
        refused_last=max(refusals.values(), key=lambda found: found.last_at).last_message if refusals else "",
        release=standing.facts.release if standing else "",
    )


def last_report(one: Member) -> str:
    """The day that the newest report is of, in words where it does not count or there is none."""
    if one.taken_back is not None:
        return f"{one.taken_back.grid_time.date()}, taken back"
    return one.standing.grid_time.date().isoformat() if one.standing else "never"


def _patients(one: Member) -> tuple[str, tuple[int, int] | None]:
    """In words what the site shows of its population, and the bounds of that number."""
    standing = one.standing
    if standing is None:
        return "nothing yet" if one.taken_back is None else "nothing", None
    shown = standing.tables.get(POPULATION)
    if shown is None:
        offer = standing.facts.tables.get(PATIENTS.id, "offered")
        return OFFER_WORDS.get(offer, f"under {standing.policy.parameters.s} or withheld"), None
    value = shown.cells[()]
    return f"{value:,}", standing.policy.parameters.bounds(value)


def _offers(standing: Standing | None) -> tuple[str, str]:
    """How many tables the site offers, and how many it does not for a reason that a person can change."""
    if standing is None:
        return "", ""
    counted = Counter[str](standing.facts.tables.values())
    withheld = [f"{counted[offer]} {offer.replace('_', ' ')}" for offer in ("not_approved", "refused") if counted[offer]]
    return f"{counted['offered']} offered", ", ".join(withheld)


def _pool(quartiles: Sequence[int]) -> str:
    """How the sites' numbers are spread, without their names."""
    if not quartiles:
        return ""
    quarter, half, most = quartiles
    spread = f"a quarter has at most {quarter:,}, half at most {half:,}, three quarters at most {most:,}"
    return f"Of the sites that show their number, {spread}."


def _range(low: int, high: int | None) -> str:
    return f"at least {low:,}" if high is None else f"{low:,} to {high:,}"


def _share(low: int, high: int | None, target: int) -> str:
    if not target:
        return ""
    least = 100 * low // target
    return f"at least {least} %" if high is None else f"{least} to {100 * high // target} %"


def _why_open(expected: Sequence[Member]) -> str:
    """Why there is no upper bound, in words."""
    silent = sum(one.standing is None and one.taken_back is None for one in expected)
    taken_back = sum(one.taken_back is not None for one in expected)
    withheld = Counter(
        one.standing.facts.tables.get(PATIENTS.id, "not stated")
        for one in expected
        if one.standing is not None and POPULATION not in one.standing.tables
    )
    parts = [f"{silent} never reported"] if silent else []
    parts += [f"of {taken_back} all reports were taken back"] if taken_back else []
    parts += [
        f"{count} {OFFER_WORDS.get(offer, 'not stated')}" for offer, count in sorted(withheld.items()) if offer != "offered"
    ]
    return f"No upper bound: {', '.join(parts)}." if parts else ""
