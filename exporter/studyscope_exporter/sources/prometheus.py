"""Gauges of another endpoint of the house (a PACS, a platform): for the local endpoint only, never published."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from studyscope_contract.amount import amount
from studyscope_contract.names import Slug
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.local_gauges import LocalGauge, Page, keep_gauges, kept_gauges, read_page
from studyscope_exporter.servers.server import Address, Patience, Server, ServerProblem
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable, says_when_unavailable

_TEXT = "text/plain;version=0.0.4"


class Settings(Address):
    """Which page, and which of its gauges; `url` is the whole address of the page."""

    name: Slug
    kind: Literal["prometheus"]
    allow: tuple[str, ...] = Field(min_length=1, max_length=200, description="names of the gauges that are read; no others")
    params: dict[str, str] = Field(default_factory=dict, description="what stands behind ? in the address")


@dataclass(frozen=True)
class PrometheusSource:
    """The source of that kind; see Source. It holds no records: its numbers count in no table."""

    settings: Settings
    site: SiteContext
    patience: Patience = field(default_factory=Patience)
    note: str = ""  # where the gauges are kept; by the source's name when empty

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        page = self._read()
        missing = self._missing(page)
        if missing:
            return [Finding(False, f"{self.settings.url} has no gauge {', '.join(missing)}; look at `allow`")]
        return [Finding(True, f"{self.settings.url} gives {amount(len(page.gauges), 'number')}; they stay at this site")]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        page, before = self._read(), set(kept_gauges(inventory, self.note or self.name))
        known = {(one.name, one.labels) for one in before}
        there = {(one.name, one.labels) for one in page.gauges}
        progress.total(len(page.gauges))
        keep_gauges(inventory, self.note or self.name, page.gauges)
        progress.advance(len(page.gauges))
        missing = self._missing(page)
        return ScanResult(
            seen=len(page.gauges),
            read=len(set(page.gauges) - before),
            removed=len(known - there),
            ignored=page.ignored,
            to_mend=[f"no gauge {', '.join(missing)} at {self.settings.url}; look at `allow`"] if missing else [],
        )

    def gauges(self, inventory: Inventory) -> list[LocalGauge]:
        """What the last pass kept, for the local endpoint."""
        return kept_gauges(inventory, self.note or self.name)

    def _read(self) -> Page:
        try:
            with Server(self.settings, self.patience) as server:
                content = server.content("", self.settings.params, accept=_TEXT)
            return read_page(content.decode("utf-8"), self.settings.allow)
        except ServerProblem as problem:
            raise SourceUnavailable(str(problem), temporary=problem.temporary) from None
        except ValueError:
            message = f"{self.settings.url} is no page of Prometheus; is it the whole address, as …/metrics?"
            raise SourceUnavailable(message, temporary=False) from None

    def _missing(self, page: Page) -> list[str]:
        there = {one.name for one in page.gauges}
        return [name for name in self.settings.allow if name not in there]


def open_source(settings: Settings, site: SiteContext) -> PrometheusSource:
    """The source that `settings` describe."""
    return PrometheusSource(settings, site)
