"""Signed report × registry × what was accepted before → accepted, duplicate or rejected. Pure."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from studyscope_aggregator.canonical_report import CanonicalReport
from studyscope_aggregator.content_rules import StudyRules
from studyscope_aggregator.refusal import Rejected
from studyscope_aggregator.registry import Registry
from studyscope_aggregator.standing import Shown, Standing, shown_tables
from studyscope_aggregator.store import Last, Receipt
from studyscope_contract.keys import VerifyingKey
from studyscope_contract.metric import TableKey
from studyscope_contract.report import Activity, PolicyStatement, Report, SignedReport, SiteFacts
from studyscope_contract.study_site import StudySite

AHEAD = dt.timedelta(hours=1)
"""How far a site's clock may be ahead before its reports have to wait."""


@dataclass(frozen=True)
class Accepted:
    """A report that may be stored; `grid_time` is when its window ends."""

    grid_time: dt.datetime


@dataclass(frozen=True)
class Duplicate:
    """The same bytes were accepted before; the receipt is the one given then."""

    receipt: Receipt


Verdict = Accepted | Duplicate | Rejected


@dataclass(frozen=True)
class Known:
    """What acceptance has to know beside the report: the last accepted one, and receipts by sequence number."""

    last: Last | None
    receipt: Callable[[int], Receipt | None]


@dataclass(frozen=True)
class Received:
    """A report as it came: its place, the bytes that were signed, and the hash of everything that was sent.

    `report` is None where its parts were read in one look: then there is nothing in them that `in_order_by` objects to.
    """

    study: str
    site: str
    sequence: int
    grid_point: int
    activity: Activity
    content: str
    policy: PolicyStatement
    facts: SiteFacts
    key: str
    signature: str
    signed_part: bytes
    sha256: str
    tables: Mapping[TableKey, Shown]
    report: Report | None = None
    in_order_by: StudyRules | None = None

    @classmethod
    def of(cls, raw: bytes) -> Received:
        """Read whole; raises ReportProblem."""
        signed = SignedReport.from_bytes(raw)
        report = signed.report
        place = report.study, report.site, report.sequence, report.grid_point, report.activity
        sent = signed.key, signed.signature, SignedReport.signed_part(raw), hashlib.sha256(raw).hexdigest()
        return cls(*place, report.content, report.policy, report.facts, *sent, shown_tables(report), report)

    @classmethod
    def in_order(
        cls,
        raw: bytes,
        found: CanonicalReport,
        said: tuple[PolicyStatement, SiteFacts, Mapping[TableKey, Shown]],
        rules: StudyRules,
    ) -> Received:
        """Of the parts of `raw`, which `said` is in; `rules` have nothing against it."""
        policy, facts, tables = said
        place = found.study, found.site, found.sequence, found.grid_point, found.activity
        sent = found.key, found.signature, found.signed_part, hashlib.sha256(raw).hexdigest()
        return cls(*place, found.content, policy, facts, *sent, tables, None, rules)

    def standing(self, grid_time: dt.datetime, since: dt.datetime) -> Standing:
        """What the site shows with this report; it has its activity `since` then."""
        return Standing(
            self.study,
            self.site,
            self.sequence,
            self.grid_point,
            grid_time,
            self.activity,
            since,
            self.policy,
            self.facts,
            self.tables,
            self.content,
        )

    def is_signed_by(self, key: VerifyingKey) -> bool:
        return key.verifies(base64.b64decode(self.signature), self.signed_part)


def judge(received: Received, registry: Registry, rules: StudyRules | None, known: Known, now: dt.datetime) -> Verdict:
    """What becomes of `received` at `now`.

    Identity comes first, so that nobody learns what the centre holds of another site.
    """
    return (
        _identity(received, registry, now.date())
        or _sequence(received, known)
        or _time(received, known.last, now)
        or _content(received, rules)
        or Accepted(received.policy.grid.moment(received.grid_point))
    )


def _identity(report: Received, registry: Registry, today: dt.date) -> Rejected | None:
    study, site = registry.study(report.study), registry.sites.get(report.site)
    if study is None:
        return Rejected("unknown_study", f"this centre has no study {report.study}: check `study` in the site file")
    member = registry.member(report.study, report.site)
    if site is None:
        return Rejected(
            "unknown_site", f"site {report.site} has no key here: run studyscope-exporter enrol, then call the coordinator"
        )
    key = site.key(report.key)
    if key is None:
        return Rejected(
            "unknown_key",
            f"no key of site {report.site} has fingerprint {report.key}: run studyscope-exporter enrol and call the coordinator; "
            "if a key was accepted before, `keys` in the site file names another folder",
        )
    if not report.is_signed_by(key.verifying):
        return Rejected("bad_signature", "the signature does not fit the report: it was altered after it was signed")
    if key.revoked is not None:
        return Rejected("key_revoked", f"key {report.key} was revoked: make a new one, and enrol with it")
    if not key.is_valid(today):
        return Rejected(
            "key_expired",
            f"key {report.key} is valid from {key.valid_from} until {key.valid_until}: make a new one and enrol with it",
        )
    if member is None or not _is_member(member, report, today):
        return Rejected(
            "not_member",
            f"site {report.site} is not a member of study {report.study} on the day of the report: ask the coordinator",
        )
    return None


def _is_member(member: StudySite, report: Received, today: dt.date) -> bool:
    """At its grid point, or today while that is the newest: who joins in the morning has the grid point of the night before."""
    moment = _moment(report)
    if moment is None:
        return member.is_member(today)
    still = dt.timedelta(0) <= today - moment.date() <= report.policy.grid.step
    return member.is_member(moment.date()) or (still and member.is_member(today))


def _sequence(report: Received, known: Known) -> Rejected | Duplicate | None:
    if known.last is None or report.sequence > known.last.sequence:
        return None
    receipt = known.receipt(report.sequence)
    if receipt is not None and receipt.sha256 == report.sha256:
        return Duplicate(receipt)
    if receipt is not None:
        return Rejected(
            "conflicting",
            f"report {report.sequence} was accepted before with other content: two exporters may be using one key, "
            "or the exporter's state was restored from a backup",
        )
    return Rejected(
        "old_sequence",
        f"report {report.sequence} comes after report {known.last.sequence} was accepted: "
        "the exporter's state is older than what this centre holds",
    )


def _time(report: Received, last: Last | None, now: dt.datetime) -> Rejected | None:
    moment = _moment(report)
    if moment is None or moment > now + AHEAD:
        return Rejected(
            "in_future", "the report's window ends more than an hour from now: check the clock of the exporter's machine"
        )
    if last is not None and moment <= last.grid_time:
        return Rejected(
            "grid_order",
            f"report {report.sequence} is of a grid point not after that of report {last.sequence}: "
            "the clock of the exporter's machine was set back, or its state was restored",
        )
    return None


def _moment(report: Received) -> dt.datetime | None:
    """The grid time, None when it is beyond every calendar."""
    try:
        return report.policy.grid.moment(report.grid_point)
    except OverflowError:
        return None


def _content(report: Received, rules: StudyRules | None) -> Rejected | None:
    if rules is None:
        return Rejected("unknown_study", f"this centre has no study {report.study}")
    if report.facts.study_version > rules.study.version:
        return Rejected(
            "newer_study_version",
            f"the site is on version {report.facts.study_version} of the study, this centre on {rules.study.version}: "
            "the report is kept and taken once the centre has that version",
        )
    return rules.objection(report.report) if report.report is not None else None
