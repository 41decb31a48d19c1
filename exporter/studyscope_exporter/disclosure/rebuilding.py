"""What a site published, told again by the reports that the centre accepted: verified, and as lines for the ledger.

RecoveryProblem      what was given cannot be recovered from; the message says why
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from studyscope_contract.keys import VerifyingKey
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Parameters
from studyscope_contract.report import ProtectedTable, Report, ReportProblem, SignedReport
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.errors import RecoveryProblem
from studyscope_exporter.disclosure.ledger import chained
from studyscope_exporter.disclosure.supposition import ShownRelease, ShownTable

REBUILT = "not repeated: rebuilt from the report that the centre accepted"


def verified_reports(raw: Iterable[bytes], keys: Sequence[VerifyingKey], *, site: str, study: str) -> list[Report]:
    """The reports in `raw`, oldest first; raises RecoveryProblem unless each is this site's own and they are in order."""
    reports: list[Report] = []
    for number, one in enumerate(raw, 1):
        try:
            signed = SignedReport.from_bytes(one)
        except ReportProblem as problem:
            raise RecoveryProblem(f"report {number} in the list is none: {problem}") from None
        report = signed.report
        if (report.site, report.study) != (site, study):
            raise RecoveryProblem(f"report {number} in the list is of {report.study} at {report.site}, not of {study} at {site}")
        if not any(key.fingerprint == signed.key and signed.is_signed_by(key) for key in keys):
            raise RecoveryProblem(
                f"report {report.sequence} is not signed by this site's key but by {signed.key}; if that is an old key of "
                "this site, name it with --old-key, else these reports were altered"
            )
        if reports and (report.sequence, report.grid_point) <= (reports[-1].sequence, reports[-1].grid_point):
            raise RecoveryProblem(f"report {report.sequence} comes after report {reports[-1].sequence}: the list was reordered")
        reports.append(report)
    return reports


def contradicts(ledger: bytes, reports: Iterable[Report]) -> bool:
    """Whether a report has another content than the ledger's line of the same number: they tell of two machines."""
    content = {line["sequence"]: line["content"] for _, line in chained(ledger) if line["act"] in ("release", "frozen")}
    return any(content.get(report.sequence, report.content) != report.content for report in reports)


def release_lines(shown: Mapping[tuple[str, str], Mapping[str, Any]], reports: Iterable[Report]) -> Iterator[dict[str, Any]]:
    """A line for each report, as its release wrote it once: in full only what differs from the tables `shown` before."""
    before = dict(shown)
    for number, report in enumerate(reports):
        now = {(table.table, table.per): table.model_dump(mode="json") for table in report.tables}
        moved = [{**table, "approved_by": []} for name, table in now.items() if _as_shown(before.get(name)) != table]
        moved += [{"table": table, "per": per, "cells": []} for table, per in before if (table, per) not in now]
        line: dict[str, Any] = {"act": "release", "grid_point": report.grid_point, "sequence": report.sequence}
        line["content"] = report.content
        if moved or not number:  # the policy tells what a hidden table can have held at most
            policy = report.policy.model_dump(mode="json")
            line |= {"policy": policy, "release": report.facts.release, "audit": REBUILT, "tables": moved}
        yield line
        before = dict(now)


def _as_shown(table: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if table is None else ProtectedTable.model_validate(dict(table)).model_dump(mode="json")


def shown_releases(lines: Iterable[Mapping[str, Any]]) -> list[ShownRelease]:
    """Every version that lines of the ledger tell of."""
    releases, known = [], dict[TableKey, dict[Cell, int]]()
    for line in lines:
        if line["act"] != "release" or "policy" not in line:
            continue
        parameters = Parameters.model_validate(line["policy"]["parameters"])
        moved = [ProtectedTable.model_validate(_version(table)) for table in line.get("tables", ()) if table["cells"]]
        exact = [one for one in moved if one.unit == "reported"]
        known |= {TableKey(one.table, one.per): {cell.codes: cell.value for cell in one.cells} for one in exact}
        # A table that a policy hid and showed again is no new version; neither is one that was only approved.
        tables = tuple(
            ShownTable(TableKey(one.table, one.per), {tuple(cell.codes): cell.value for cell in one.cells})
            for one in moved
            if one.unit == "patient" and one.released == line["grid_point"]
        )
        if tables:
            releases.append(ShownRelease(line["grid_point"], parameters, tables, dict(known)))
    return releases


def _version(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: table[name] for name in ProtectedTable.model_fields if name in table}
