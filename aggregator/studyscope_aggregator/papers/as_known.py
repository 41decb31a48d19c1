"""A study at a moment, as it was known at another: nothing that came later changes what is said here.

What can be known at a moment stands still: accepted reports with the time of their receipt, retractions, acts with
theirs in the log, and signed versions of the study file. Only a purge takes something away.

NotKnown             the study or the moment cannot be told of; the message says why
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from studyscope_aggregator.audit_log import Act, AuditLog
from studyscope_aggregator.registry import Registry, StudyFile
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.state import Member, TakenBack, member
from studyscope_aggregator.store import ReportStore, Retraction
from studyscope_aggregator.stored_report import stored_standing
from studyscope_aggregator.study_totals import StudyTotals, TotalsMemory, study_totals
from studyscope_contract.study import Study
from studyscope_contract.yaml_file import parse_yaml

SETTLED = dt.timedelta(minutes=1)
"""A report whose receipt has a time may still be on its way into the store for a moment."""


class NotKnown(Exception):
    """Nothing that would stay the same can be said of this moment."""


@dataclass(frozen=True)
class Moments:
    """Numbers of the moment `at`, as they were known at `known`."""

    at: dt.datetime
    known: dt.datetime

    @classmethod
    def parse(cls, at: str, known: str | None, now: dt.datetime) -> Moments:
        """Days mean their end (UTC); raises NotKnown for what lies ahead."""
        latest = (now - SETTLED).replace(microsecond=0)
        found = cls(min(_moment(at), latest), _moment(known) if known else latest)
        if found.known > latest:
            raise NotKnown(f"--known-at {known} is not over: what becomes known until then would change the numbers")
        if _moment(at) > found.known + dt.timedelta(days=1):
            raise NotKnown(f"--at {at} lies after --known-at: nothing was known of it")
        return cls(min(found.at, found.known), found.known)

    @property
    def day(self) -> dt.date:
        """The day whose end, or part, the numbers are of."""
        return (self.at - dt.timedelta(microseconds=1)).date()

    @property
    def words(self) -> str:
        return f"the end of {self.day} (UTC)" if self.at.time() == dt.time() else f"{self.at:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True)
class KnownStudy:
    """A study as it stood and was known."""

    moments: Moments
    study: Study
    file_sha256: str
    signed: bool
    members: tuple[Member, ...]
    totals: StudyTotals
    purged: int
    """Reports that were known then and have been deleted since."""


def known_study(study_id: str, moments: Moments, folder: Path, registry: Registry, store: ReportStore) -> KnownStudy:
    """Raises NotKnown, FileProblem, StoreUnavailable."""
    acts = [act for act in AuditLog(folder).acts() if act.at <= moments.known]
    file, signed = _file(study_id, registry, acts, moments)
    study = _closed(file.study if signed else _as_written(file, study_id), registry, acts)
    purged: list[int] = []
    members = tuple(_members(study, registry, store, moments, purged))
    versions = {number for number, _ in _signed_by(study_id, acts)}

    def definition(version: int) -> Study | None:
        if not signed or version == study.version:
            return study
        known = registry.signed.get(study_id, {}).get(version)
        return known.study if known is not None and version in versions else None

    totals = study_totals(study, members, TotalsMemory(), definition)
    return KnownStudy(moments, study, hashlib.sha256(file.raw).hexdigest(), signed, members, totals, sum(purged))


def _moment(text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise NotKnown(f"{text}: write a day as 2026-10-31, or a moment as 2026-10-31T12:00:00+00:00") from None
    if len(text) == len("2026-10-31"):
        return found.replace(tzinfo=dt.UTC) + dt.timedelta(days=1)
    return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _signed_by(study: str, acts: Sequence[Act]) -> Iterator[tuple[int, dt.datetime]]:
    return ((int(act.facts["version"]), act.at) for act in acts if act.act == "study sign" and act.facts.get("study") == study)


def _file(study: str, registry: Registry, acts: Sequence[Act], moments: Moments) -> tuple[StudyFile, bool]:
    """The version signed last by then; a study that was never signed has one definition, the file in force."""
    versions = [number for number, _ in _signed_by(study, acts)]
    signed = registry.signed.get(study, {})
    if versions and max(versions) in signed:
        return signed[max(versions)], True
    if signed:
        raise NotKnown(
            f"no version of study {study} was signed by {moments.known.isoformat()}: ask for a later --known-at "
            "(without one it is a minute ago), or see study versions"
        )
    if study not in registry.studies:
        raise NotKnown(f"this centre has no study {study}; it has {', '.join(registry.studies)}")
    return registry.studies[study], False


def _as_written(file: StudyFile, study: str) -> Study:
    return parse_yaml(file.raw, Path(f"{study}.yaml"), Study)


def _closed(study: Study, registry: Registry, acts: Sequence[Act]) -> Study:
    """With the memberships that had been ended by then."""
    decided = {
        act.facts.get("site") for act in acts if act.act in {"site close", "site merge"} and act.facts.get("study") == study.id
    }
    last = {one.site: one.last_day for one in registry.closings if one.study == study.id and one.site in decided}
    sites = tuple(
        site.model_copy(update={"member_until": min(last[site.id], site.member_until or dt.date.max)})
        if site.id in last
        else site
        for site in study.sites
    )
    return study.model_copy(update={"sites": sites})


def _members(study: Study, registry: Registry, store: ReportStore, moments: Moments, purged: list[int]) -> Iterator[Member]:
    retractions = [one for one in store.retractions() if one.study == study.id]
    then = moments.at - dt.timedelta(microseconds=1)
    for site in study.sites:
        if site.member_from <= then.date():
            own = [one for one in retractions if one.site == site.id]
            standing, gone = _standing(study.id, site.id, own, store, moments)
            purged.append(gone)
            taken_back = _taken_back(study.id, site.id, store, moments) if own and standing is None else None
            yield member(study, site, registry.sites.get(site.id), standing, then, taken_back)


def _standing(
    study: str, site: str, retractions: Sequence[Retraction], store: ReportStore, moments: Moments
) -> tuple[Standing | None, int]:
    """The newest report of then that counted then, and how many newer ones have been deleted since."""
    counted = _counted(retractions, moments.known)
    gone = 0
    for sequence, moment in reversed(store.grid_times(study, site, 0)):
        if moment >= moments.at or not counted(sequence):
            continue
        receipt = store.receipt(study, site, sequence)
        if receipt is None or receipt.accepted_at > moments.known:
            continue
        entry = store.entry(study, site, sequence)
        if entry is None:
            gone += 1
            continue
        return stored_standing(entry), gone
    return None, gone


def _taken_back(study: str, site: str, store: ReportStore, moments: Moments) -> TakenBack | None:
    """The newest report that was there then, whether it counted or not."""
    for sequence, moment in reversed(store.grid_times(study, site, 0)):
        receipt = store.receipt(study, site, sequence)
        if moment < moments.at and receipt is not None and receipt.accepted_at <= moments.known:
            return TakenBack(receipt.grid_point, moment)
    return None


def _counted(retractions: Sequence[Retraction], known: dt.datetime) -> Callable[[int], bool]:
    spans = [range(one.first, one.last + 1) for one in retractions if one.at <= known]
    return lambda sequence: not any(sequence in span for span in spans)
