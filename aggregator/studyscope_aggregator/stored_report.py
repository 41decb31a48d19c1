"""Reads back what was accepted, maybe years ago and under an older contract."""

from __future__ import annotations

import logging

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
    return Standing.of(report, entry.activity_since)
