"""Kinds of MR sequence as a classifier that the site runs tells them: a CSV table or .xlsx workbook with a line a series.

What it says of a series comes before what people wrote into its description. Only the code is kept.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, field_validator

from studyscope_contract.amount import amount
from studyscope_contract.code_list import NOT_STATED
from studyscope_contract.names import Slug
from studyscope_contract.vocabulary import load_code_list
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.csv_table import Encoding
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, says_when_unavailable
from studyscope_exporter.sources.tables import LinesRead, findings, table_lines


class Columns(Strict):
    """What the columns are called."""

    series: str = Field(default="SeriesInstanceUID", description="the identifier of the series")
    sequence: str = Field(default="sequence", description="what the classifier calls it; empty: it cannot tell")


class Settings(Strict):
    """Where the table is, and what its words mean."""

    name: Slug
    kind: Literal["sequences"]
    path: SitePath
    columns: Columns = Columns()
    codes: dict[str, str] = Field(default_factory=dict, description="the classifier's word -> code, where it is not known anyway")
    encoding: Encoding = "utf-8"
    sheet: str = Field(default="", max_length=31, description="of an .xlsx workbook; its first one when left out")

    @field_validator("codes")
    @classmethod
    def _are_codes(cls, codes: dict[str, str]) -> dict[str, str]:
        allowed = load_code_list("mr_sequence").codes
        if unknown := sorted(set(codes.values()) - set(allowed)):
            raise ValueError(f"unknown codes {', '.join(unknown)}; allowed: {', '.join(allowed)}")
        return {word.strip().casefold(): code for word, code in codes.items()}


@dataclass
class _Read(LinesRead):
    told: dict[bytes, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class SequencesSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        read = self._read()
        return findings(self.settings.path, f"{amount(read.rows, 'line')}, {len(read.told)} series of a known kind", read.bad)

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        read = self._read()
        progress.total(read.rows)
        before = told_in(inventory, self.name)
        kept = {series.hex(): code for series, code in sorted(read.told.items())}
        inventory.keep_note(self.name, json.dumps(kept).encode())
        progress.advance(read.rows)
        new, gone = sum(before.get(series) != code for series, code in read.told.items()), len(before.keys() - read.told.keys())
        return read.scanned(new, gone)

    def _read(self) -> _Read:
        settings, read, kinds = self.settings, _Read(), load_code_list("mr_sequence")
        columns = settings.columns
        lines = table_lines(settings.path, settings.encoding, [columns.series, columns.sequence], settings.sheet)
        for line, row in read.counted(settings.path, lines):
            uid, word = row[columns.series], row[columns.sequence]
            code = settings.codes.get(word.casefold()) or kinds.code(word)
            if not uid:
                read.refuse(line, "names no series")
            elif code != NOT_STATED:
                read.told[self.site.pseudonyms.series(uid)] = code
        return read


def told_in(inventory: Inventory, source: str) -> Mapping[bytes, str]:
    """The code of each series at the last pass."""
    kept: dict[str, str] = json.loads(inventory.note(source) or b"{}")
    return {bytes.fromhex(series): code for series, code in kept.items()}


def told_sequences(inventory: Inventory, sources: Collection[str]) -> Mapping[bytes, str]:
    """What the tables of `sources` say of each series; the last one that says something counts."""
    return {series: code for source in sources for series, code in told_in(inventory, source).items()}


def open_source(settings: Settings, site: SiteContext) -> SequencesSource:
    """The source that `settings` describe."""
    return SequencesSource(settings, site)
