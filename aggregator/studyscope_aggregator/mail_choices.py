"""Puts into force what somebody chose by the link in a mail, and logs it as an act."""

from __future__ import annotations

import datetime as dt
import fcntl
from collections.abc import Callable
from pathlib import Path

from studyscope_aggregator.audit_log import Act, AuditLog
from studyscope_aggregator.clock import Clock
from studyscope_contract.mail_choices import CHOICES_FILE, Downtime, MailChoices
from studyscope_contract.mail_link import MailLink


class ChoicesFile:
    """The choices in a registry folder; several aggregators may write."""

    def __init__(self, registry: Path, clock: Clock) -> None:
        self._path, self._log, self._clock = registry / CHOICES_FILE, AuditLog(registry), clock

    def stop_mails(self, link: MailLink, until: dt.date | None) -> None:
        """No mails about the link's study to its reader, up to and with the day `until`."""
        self._change(lambda now, today: now.with_stopped(link.person, link.study, until, today))
        self._record(link, "mails stopped", until=str(until or ""))

    def start_mails(self, link: MailLink) -> None:
        self._change(lambda now, today: now.without_stopped(link.person, link.study, today))
        self._record(link, "mails started again")

    def plan_downtime(self, link: MailLink, downtime: Downtime) -> None:
        """In every study of the site; one that was planned for it before is replaced."""
        self._change(lambda now, today: now.with_downtime(downtime, today))
        self._record(link, "downtime planned", site=downtime.site, first=str(downtime.first), last=str(downtime.last))

    def end_downtime(self, link: MailLink, site: str) -> None:
        self._change(lambda now, today: now.without_downtime(site, today))
        self._record(link, "downtime ended", site=site)

    def _change(self, changed: Callable[[MailChoices, dt.date], MailChoices]) -> None:
        """Raises FileProblem, OSError."""
        with self._path.with_suffix(".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            after = changed(MailChoices.read(self._path), self._clock.now().date())
            new = self._path.with_suffix(".new")
            new.write_text(after.model_dump_json(indent=1), encoding="utf-8")
            new.replace(self._path)

    def _record(self, link: MailLink, act: str, **facts: str) -> None:
        by = f"{link.role} {link.person}, by a link in a mail"
        self._log.record(Act(self._clock.now(), by, act, {"study": link.study, **facts}))
