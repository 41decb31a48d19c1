"""Signed reports on the disk before the clock runs: the load generator only has to send them.

Signing and printing a whole report costs more than taking one. So the parts that stay are printed once
by the contract, and only the place, the hash and the signature of each report are made anew; the first of
them is read back by the contract, so that what is sent is what an exporter would send.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from centre_under_load import tables

from aggregator_cast import TODAY, a_report
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import SignedReport

CELLS = 200


@dataclass(frozen=True)
class Parts:
    """The canonical JSON of a report's facts and policy, and its tables."""

    facts: str
    policy: str
    tables: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, cells: int) -> Parts:
        report = json.loads(a_report(tables=tables(cells)).canonical())
        return cls(_json(report["facts"]), _json(report["policy"]), tuple(report["tables"]))

    def shown(self, moves: int, moving: int, place: int) -> str:
        """All tables, the first `moving` of them after so many moves, with numbers of their own for each `place`."""
        return _json([_moved(table, moves, place) if n < moving else table for n, table in enumerate(self.tables)])


def _moved(table: dict[str, Any], moves: int, place: int) -> dict[str, Any]:
    cells = [cell | {"value": 20 + 10 * ((moves + 31 * place + n) % 9973)} for n, cell in enumerate(table["cells"])]
    return table | {"cells": cells, "version": 1 + moves, "released": TODAY - 30 + moves}


def _json(content: object) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def signed_reports(keys: dict[str, SigningKey], first: int, number: int, *, moving: int) -> Iterator[bytes]:
    """`number` reports of each site from sequence number `first` on, the sites in turns; `moving` tables move each time."""
    parts = Parts.of(CELLS)
    fingerprints = {site: key.public.fingerprint for site, key in keys.items()}
    for sequence in range(first, first + number):
        for place, (site, key) in enumerate(keys.items()):
            if moving or place == 0:
                shown = parts.shown(sequence, moving, place)
                content = f'{{"facts":{parts.facts},"policy":{parts.policy},"tables":{shown}}}'
                digest = hashlib.sha256(content.encode()).hexdigest()
            report = (
                f'{{"activity":"active","content":"{digest}","facts":{parts.facts},"grid_point":{TODAY + sequence},'
                f'"policy":{parts.policy},"schema":1,"sequence":{sequence},"site":"{site}","study":"liver","tables":{shown}}}'
            )
            signature = base64.b64encode(key.sign(report.encode())).decode()
            raw = f'{{"key":"{fingerprints[site]}","report":{report},"signature":"{signature}"}}'.encode()
            if sequence == first and place < 2:
                SignedReport.from_bytes(raw)
            yield raw


def exposition_of(moves: int) -> bytes:
    """As many numbers in the text format, under names as long as the centre's."""
    cells = sum(len(table.cells) for table in tables(CELLS))
    lines = (f'study_patients{{table="some_table",code="code-{n}",unit="patient"}} {20 + moves + n}\n' for n in range(cells))
    return ("# TYPE study_patients gauge\n" + "".join(lines)).encode()


def written(path: Path, requests: Iterator[tuple[str, bytes]]) -> Path:
    """Requests (address, body) as the Lua script of `bench_push` reads them: address, length, body."""
    with path.open("wb") as file:
        for address, body in requests:
            file.write(f"{address}\n{len(body)}\n".encode() + body)
    return path
