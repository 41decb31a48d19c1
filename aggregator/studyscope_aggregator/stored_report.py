"""Reads back what was accepted, maybe years ago and under an older contract."""

from __future__ import annotations

import logging
from dataclasses import replace

from studyscope_aggregator.canonical_report import CanonicalReport, facts_in, policy_in
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.store import Entry
from studyscope_contract.report import ReportProblem, SignedReport

log = logging.getLogger(__name__)


def stored_standing(entry: Entry) -> Standing | None:
    """What the site showed with this report; None, and a line in the log, when this release cannot read it any more."""
    try:
        report = SignedReport.from_bytes(entry.body).report
    except ReportProblem as problem:
        receipt = entry.receipt
        log.error(
            "stored report %d of %s/%s cannot be read by this release and is not shown: %s",
            receipt.sequence,
            receipt.study,
            receipt.site,
            problem,
        )
        return None
    return _sharing(Standing.of(report, entry.activity_since), entry.body)


def _sharing(standing: Standing, body: bytes) -> Standing:
    """The same with a policy and facts that are kept once for all sites that have equal ones."""
    form = CanonicalReport.of(body)
    if form is None:
        return standing
    policy, facts = policy_in(form.policy), facts_in(form.facts)
    return replace(standing, policy=policy or standing.policy, facts=facts or standing.facts)
