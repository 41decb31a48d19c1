"""What is written to one person only: links that this person may use, and no mails where they chose none."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from studyscope_contract.mail_choices import MailChoices
from studyscope_contract.mail_link import LINKS_PATH, LinkSecret, MailLink, Purpose, Role

LINK_WEEKS = 10
"""A link lives so long at least: the mail of an alert that goes on comes once a week, with a newer one."""


@dataclass(frozen=True)
class Recipient:
    """Somebody as what they get mails; `site` of a site's contacts only, `study` empty for mails about the centre itself."""

    address: str
    role: Role
    study: str = ""
    site: str = ""


@dataclass(frozen=True)
class PersonalMails:
    """Links below `url`, the address of the centre, and what people chose by them so far."""

    url: str
    secret: LinkSecret
    choices: MailChoices
    today: dt.date

    def __post_init__(self) -> None:
        if '"' in self.url or "{{" in self.url:
            raise ValueError(f"not an address: {self.url}")

    def wanted(self, address: str, study: str) -> bool:
        return self.choices.wants_mails(self.secret.person(address), study, self.today)

    def link(self, purpose: Purpose, to: Recipient) -> str:
        """The same all week, so that the configuration changes once a week at most for it."""
        monday = self.today - dt.timedelta(days=self.today.weekday())
        until = monday + dt.timedelta(weeks=LINK_WEEKS + 1)
        link = MailLink(purpose, to.role, to.study, to.site, self.secret.person(to.address), until)
        return f"{self.url.rstrip('/')}/{LINKS_PATH}/{link.text(self.secret)}"

    def links(self, to: Recipient, *, may_stop: bool) -> tuple[tuple[str, str], ...]:
        """Words and address of every link for `to`; nobody is offered to stop who is the last to be told."""
        downtime = to.study and to.role != "lead"
        planned = (("Is a downtime planned? Say until when", self.link("downtime", to)),) if downtime else ()
        stop = (("Stop or start your mails", self.link("mails", to)),) if may_stop else ()
        return (*planned, *stop)


def as_text(links: tuple[tuple[str, str], ...]) -> str:
    return "".join(f"\n{words}:\n{address}\n" for words, address in links)


def as_html(links: tuple[tuple[str, str], ...]) -> str:
    """A paragraph before the end of the mail's body."""
    if not links:
        return ""
    shown = " &nbsp;&middot;&nbsp; ".join(f'<a href="{address}" style="color:#005b94">{words}</a>' for words, address in links)
    warning = "These links are for you alone: do not pass this mail on with them."
    return f'<p style="color:#50575e;font-size:13px">{shown}<br>{warning}</p>'
