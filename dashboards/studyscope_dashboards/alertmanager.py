"""Who is told what, as an Alertmanager configuration: leads from the study files, contacts from the centre's registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from studyscope_contract.study import Study
from studyscope_dashboards.personal_mails import PersonalMails, Recipient, as_html, as_text

HELD = "nobody"
"""Receiver of alerts that concern no study in force: kept visible in Alertmanager, mailed to nobody."""


@dataclass(frozen=True)
class Contacts:
    """Mail addresses that the centre keeps beside the study files, because people change more often than studies."""

    coordinators: tuple[str, ...]
    site_it: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by site id


@dataclass(frozen=True)
class Smtp:
    """The mail server: `host:port`, who writes, and how to log in. The password stays in a file."""

    smarthost: str
    sender: str
    require_tls: bool = True
    username: str | None = None
    password_file: str | None = None


@dataclass(frozen=True)
class MailTiming:
    """How soon and how often is written; Prometheus durations.

    Alertmanager must run with --data.retention of more than twice `repeat`: it forgets what it sent
    after that time and would write again.
    """

    gather: str = "10m"  # alerts that start together come in one mail
    regather: str = "1h"  # least time between two mails about the same group
    repeat: str = "168h"  # an alert that goes on is repeated so often


def alertmanager_config(
    studies: Sequence[Study],
    contacts: Contacts,
    smtp: Smtp,
    timing: MailTiming = MailTiming(),
    *,
    template_files: Sequence[str],
    watchdog: str | None = None,
    personal: PersonalMails | None = None,
) -> str:
    """An alertmanager.yml. `template_files` are those of `mail_templates.write_mail_templates`.

    `watchdog` is a webhook that hears every five minutes that alerts still arrive; without one nobody is told.
    `personal` adds links for each reader, and leaves out who chose to get no mails.
    """
    write = _Letters(personal)
    receivers: list[dict[str, Any]] = [{"name": HELD}]
    routes: list[dict[str, Any]] = [_watchdog(watchdog)]
    if watchdog:
        receivers.append({"name": "watchdog", "webhook_configs": [{"url": watchdog, "send_resolved": False}]})
    for study in sorted(studies, key=lambda study: study.id):
        study_route, study_receivers = _study(study, contacts, write)
        routes.append(study_route)
        receivers += study_receivers
    to_centre = write.mails([Recipient(mail, "coordinator") for mail in contacts.coordinators])
    if to_centre:
        receivers.append({"name": "centre", "email_configs": to_centre})
        routes.append({"matchers": ['study=""'], "receiver": "centre", "group_by": ["alertname"]})
    config = {
        "global": _global(smtp),
        "templates": list(template_files),
        "route": {
            "receiver": HELD,
            "group_by": ["study"],
            "group_wait": timing.gather,
            "group_interval": timing.regather,
            "repeat_interval": timing.repeat,
            "routes": routes,
        },
        "inhibit_rules": INHIBITIONS,
        "receivers": receivers,
    }
    return yaml.dump(config, Dumper=_Plain, sort_keys=False, width=110)


def write_alertmanager_config(path: Path, content: str) -> None:
    """Writes the configuration, readable by its owner and group only: it names people."""
    new = path.with_suffix(".new")
    new.write_text(content, encoding="utf-8")
    new.chmod(0o640)
    new.replace(path)


INHIBITIONS: list[dict[str, Any]] = [
    # A hospital that cannot be heard cannot be asked about anything else.
    {
        "source_matchers": ['alertname="site_silent"'],
        "target_matchers": ['site!=""', 'alertname!~"site_silent|site_never_reported"'],
        "equal": ["study", "site"],
    },
    # A wrong clock is why its reports are refused.
    {
        "source_matchers": ['alertname="clock_skew"'],
        "target_matchers": ['alertname="report_refused"'],
        "equal": ["study", "site"],
    },
    # While the centre itself is down, every hospital would seem silent.
    {"source_matchers": ['alertname="aggregator_down"'], "target_matchers": ['site!=""']},
]


def _watchdog(webhook: str | None) -> dict[str, Any]:
    route: dict[str, Any] = {"receiver": "watchdog" if webhook else HELD, "matchers": ['audience="machine"']}
    return {**route, "group_wait": "0s", "group_interval": "5m", "repeat_interval": "5m"} if webhook else route


def _global(smtp: Smtp) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "smtp_smarthost": smtp.smarthost,
        "smtp_from": smtp.sender,
        "smtp_require_tls": smtp.require_tls,
    }
    if smtp.username:
        settings["smtp_auth_username"] = smtp.username
    if smtp.password_file:
        settings["smtp_auth_password_file"] = smtp.password_file
    return settings


def _study(study: Study, contacts: Contacts, write: _Letters) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The branch of one study: one mail per study to leads and coordinators, one per hospital to its IT."""
    receivers: list[dict[str, Any]] = []
    routes: list[dict[str, Any]] = []

    def branch(name: str, people: Sequence[Recipient], matchers: list[str], group_by: list[str]) -> None:
        mails = write.mails(people)
        if mails:
            receivers.append({"name": name, "email_configs": mails})
            routes.append({"receiver": name, "matchers": matchers, "group_by": group_by, "continue": True})

    branch(
        f"{study.id}/coordinators", [Recipient(mail, "coordinator", study.id) for mail in contacts.coordinators], [], ["study"]
    )
    leads = [Recipient(lead.mail, "lead", study.id) for lead in study.leads]
    branch(f"{study.id}/leads", leads, ['audience=~"decision|everyone"'], ["study"])
    for site in study.sites:
        matchers = ['audience=~"technical|everyone"', f'site="{site.id}"']
        people = [Recipient(mail, "site_it", study.id, site.id) for mail in contacts.site_it.get(site.id, ())]
        branch(f"{study.id}/site/{site.id}", people, matchers, ["study", "site"])
    return {"matchers": [f'study="{study.id}"'], "receiver": HELD, "routes": routes}, receivers


class _Letters:
    """One mail per person: nobody sees who else is told, and each has links of their own."""

    def __init__(self, personal: PersonalMails | None) -> None:
        self._personal = personal

    def mails(self, people: Sequence[Recipient]) -> list[dict[str, Any]]:
        told = [one for one in dict.fromkeys(people) if not self._personal or self._personal.wanted(one.address, one.study)]
        return [self._mail(one, may_stop=one.role != "coordinator" or len(told) > 1) for one in told]

    def _mail(self, to: Recipient, *, may_stop: bool) -> dict[str, Any]:
        links = self._personal.links(to, may_stop=may_stop) if self._personal else ()
        headers = {"Subject": '{{ template "studyscope.subject" . }}'}
        if self._personal and may_stop:
            headers["List-Unsubscribe"] = f"<{self._personal.link('mails', to)}>"
        return {
            "to": to.address,
            "send_resolved": True,
            "headers": headers,
            "html": f'{{{{ template "studyscope.html" . }}}}{as_html(links)}{{{{ template "studyscope.html.end" . }}}}',
            "text": f'{{{{ template "studyscope.text" . }}}}{as_text(links)}',
        }


class _Plain(yaml.SafeDumper):
    """YAML without anchors: a person reads this file."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True
