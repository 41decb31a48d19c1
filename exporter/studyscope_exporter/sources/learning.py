"""Rounds of federated learning: a log with a line for each round, as JSON lines, a CSV table or an .xlsx workbook.

How many rounds the site took part in, came late to or missed is a fact of the installation. Scores and
weights are not read.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from studyscope_contract.amount import amount
from studyscope_contract.learning import LearningRounds
from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.csv_table import Encoding
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.log_lines import log_lines
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, says_when_unavailable
from studyscope_exporter.sources.tables import LinesRead, findings

STATES = ("taken_part", "late", "missed")
WORDS = {
    **dict.fromkeys(("taken_part", "taken part", "participated", "completed", "success", "succeeded", "finished"), "taken_part"),
    **dict.fromkeys(("late", "too late", "overdue"), "late"),
    **dict.fromkeys(("missed", "skipped", "dropped", "failed", "timeout", "timed out", "absent"), "missed"),
}
"""Usual words of learning platforms; `states` adds a site's own."""


class Columns(Strict):
    """What the columns are called: `state`, or `due` and `finished`; `run` where several federations share a log."""

    run: str | None = None
    round: str = "round"
    state: str | None = None
    due: str | None = Field(default=None, description="when the round ended, ISO 8601; UTC where no zone is named")
    finished: str | None = Field(default=None, description="when the site's part was done; empty while it is not")

    @model_validator(mode="after")
    def _tells_the_state(self) -> Self:
        if (self.state is None) == (self.due is None or self.finished is None):
            raise ValueError("name either `state`, or `due` and `finished`")
        return self


class Settings(Strict):
    """Where the log is and how it is written."""

    name: Slug
    kind: Literal["learning"]
    path: SitePath
    columns: Columns = Columns(state="state")
    states: dict[str, str] = Field(default_factory=dict, description=f"the log's word -> {', '.join(STATES)}")
    encoding: Encoding = "utf-8"

    @field_validator("states")
    @classmethod
    def _known(cls, states: dict[str, str]) -> dict[str, str]:
        for state in states.values():
            if state not in STATES:
                raise ValueError(f"unknown state {state!r}; allowed: {', '.join(STATES)}")
        return {word.casefold().strip(): state for word, state in states.items()}


@dataclass
class _Read(LinesRead):
    rounds: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LearningSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        read = self._read()
        found = Counter(read.rounds.values())
        seen = ", ".join(f"{found[state]} {state.replace('_', ' ')}" for state in STATES)
        return findings(self.settings.path, f"{amount(len(read.rounds), 'round')}: {seen}", read.bad)

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        read = self._read()
        progress.total(read.rows)
        before = rounds_in(inventory, self.name)
        inventory.keep_note(self.name, json.dumps(read.rounds, sort_keys=True).encode())
        progress.advance(read.rows)
        new = sum(before.get(name) != state for name, state in read.rounds.items())
        gone = len(before.keys() - read.rounds.keys())
        return read.scanned(new, gone)

    def _read(self) -> _Read:
        settings, read = self.settings, _Read()
        named = [name for name in settings.columns.model_dump().values() if name is not None]
        for line, row in read.counted(settings.path, log_lines(settings.path, settings.encoding, named)):
            self._take(line, row, read)
        return read

    def _take(self, line: int, row: Mapping[str, str] | None, read: _Read) -> None:
        columns = self.settings.columns
        if row is None or not row[columns.round]:
            read.refuse(line, "names no round")
            return
        state = self._state(row)
        if state is None:
            read.refuse(line, "does not say what became of the round; `states` maps the log's words")
        elif state:
            read.rounds[f"{row[columns.run] if columns.run else ''} {row[columns.round]}".strip()] = state

    def _state(self, row: Mapping[str, str]) -> str | None:
        """One of STATES, "" for a round that still runs, None where the line does not tell."""
        columns = self.settings.columns
        if columns.state:
            word = row[columns.state].casefold()
            return self.settings.states.get(word) or WORDS.get(word)
        assert columns.due
        assert columns.finished
        due, finished = (_moment(row[name]) for name in (columns.due, columns.finished))
        if due is None or (finished is None and row[columns.finished]):
            return None
        if finished is None:
            return "missed" if due < self.site.now() else ""
        return "late" if finished > due else "taken_part"


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def rounds_in(inventory: Inventory, source: str) -> Mapping[str, str]:
    """What became of each round, as the last pass read it."""
    kept: dict[str, str] = json.loads(inventory.note(source) or b"{}")
    return kept


def learning_rounds(inventory: Inventory, sources: Collection[str]) -> LearningRounds | None:
    """Rounds of all logs of `sources` together; None where none was ever read."""
    read = [source for source in sources if inventory.note(source)]
    if not read:
        return None
    found = Counter(state for source in read for state in rounds_in(inventory, source).values())
    return LearningRounds(taken_part=found["taken_part"], late=found["late"], missed=found["missed"])


def open_source(settings: Settings, site: SiteContext) -> LearningSource:
    """The source that `settings` describe."""
    return LearningSource(settings, site)
