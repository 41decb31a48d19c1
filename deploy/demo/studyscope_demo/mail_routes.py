"""Who of the demo is mailed what, each with links of their own, as the readers' choices are now."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from studyscope_contract.mail_choices import CHOICES_FILE, MailChoices
from studyscope_contract.mail_link import LinkSecret
from studyscope_contract.study import Study
from studyscope_contract.yaml_file import read_yaml
from studyscope_dashboards.alertmanager import Contacts, MailTiming, Smtp, alertmanager_config, write_alertmanager_config
from studyscope_dashboards.mail_templates import write_mail_templates
from studyscope_dashboards.personal_mails import PersonalMails
from studyscope_demo.consortium import COORDINATOR, site_mail
from studyscope_demo.folder import DemoFolder
from studyscope_demo.ports import Ports

# Ten seconds are a day here, so mails cannot wait as long as in a real study. But Prometheus tells each minute for a quarter of
# an hour what is over: where a group is looked at more often than that, two that are over take turns, each in a mail of its own.
TIMING = MailTiming(gather="5s", regather="70s", repeat="24h")


def write_mail_routes(folder: DemoFolder, ports: Ports, today: dt.date) -> bool:
    """Writes Alertmanager's file where it differs, and says whether it did; makes the secret of the links at first."""
    folder.alertmanager_config.parent.mkdir(exist_ok=True)
    if not folder.mail_links.exists():
        LinkSecret.generate().save(folder.mail_links)
    study = read_yaml(folder.study, Study)
    choices = MailChoices.read(read_by_mail_routes(folder)[-1])
    templates = write_mail_templates(folder.alertmanager_config.parent, ports.url("grafana"), ports.url("mails"))
    config = alertmanager_config(
        [study],
        Contacts((COORDINATOR,), {site.id: (site_mail(site.id),) for site in study.sites}),
        Smtp(ports.address("smtp"), "studyscope@centre.example", require_tls=False),
        TIMING,
        template_files=[str(path.absolute()) for path in templates],
        personal=PersonalMails(ports.url("aggregator"), LinkSecret.load(folder.mail_links), choices, today),
    )
    file = folder.alertmanager_config
    if file.exists() and file.read_text(encoding="utf-8") == config:
        return False
    write_alertmanager_config(file, config)
    return True


def read_by_mail_routes(folder: DemoFolder) -> list[Path]:
    """What the routes are made of."""
    return [folder.study, folder.registry / CHOICES_FILE]
