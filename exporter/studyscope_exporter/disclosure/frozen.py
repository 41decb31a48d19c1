"""A domain whose state is lost: it says so at every grid point, and shows what it showed last, for ever."""

from __future__ import annotations

from collections.abc import Mapping

from studyscope_contract.keys import SigningKey
from studyscope_contract.report import SignedReport, SiteFacts
from studyscope_exporter.disclosure.errors import DomainProblem, OlderGridPoint
from studyscope_exporter.disclosure.ledger import published, written
from studyscope_exporter.disclosure.reporting import frozen_report, new_facts
from studyscope_exporter.disclosure.store import Loaded, Store
from studyscope_exporter.disclosure.terms import Terms


class FrozenDomain:
    """Works from the ledger alone; `reason` is for people of the site."""

    def __init__(self, store: Store, loaded: Loaded, terms: Terms, key: SigningKey) -> None:
        self._store, self._loaded, self._terms, self._key = store, loaded, terms, key
        self.reason = loaded.frozen or ""

    def report(self, facts: SiteFacts, point: int) -> SignedReport:
        """The report of `point`: the one that was made already, or a new one."""
        kept = self._store.frozen_report()
        before = None if kept is None else SignedReport.from_bytes(kept)
        last = published(self._loaded.ledger)
        if before is not None and before.report.grid_point == point:
            return before
        if last.grid_point is not None and point <= last.grid_point:
            raise OlderGridPoint(point, last.grid_point)
        return frozen_report(last, self._terms, facts, point, self._key)

    def withdraw_site(self, act: Mapping[str, object]) -> None:
        """The site leaves the study: one line of the ledger, on which every later report goes."""
        if published(self._loaded.ledger).withdrawn:
            raise DomainProblem("the site has left this study for good; nothing was changed")
        self.note(act)

    def note(self, act: Mapping[str, object]) -> None:
        """Writes a line; every later report goes by the ledger."""
        lines, _ = written(self._loaded.head, [act], self._key)
        self._store.commit_frozen(self._store.frozen_report(), lines, self._loaded.head)

    def release(self, facts: SiteFacts, point: int) -> SignedReport:
        """As `report`, kept; the ledger gets its line."""
        signed = self.report(facts, point)
        if published(self._loaded.ledger).grid_point != point:
            report = signed.report
            act: dict[str, object] = {
                "act": "frozen",
                "grid_point": point,
                "sequence": report.sequence,
                "content": report.content,
            }
            act |= new_facts(report.facts, self._store.frozen_report())
            lines, _ = written(self._loaded.head, [act], self._key)
            self._store.commit_frozen(signed.to_bytes(), lines, self._loaded.head)
        return signed
