"""The centre's programs as they are started on a real machine: Prometheus, Alertmanager, Grafana, and the demo's own.

MissingProgram       a program that the demo cannot do without is not installed
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from studyscope_dashboards.look.grafana_server import grafana_command
from studyscope_dashboards.page import write_dashboards
from studyscope_dashboards.prometheus import prometheus_config
from studyscope_dashboards.provisioning import grafana_ini, write_grafana_provisioning
from studyscope_dashboards.rules import write_rules
from studyscope_demo.clock import DemoClock
from studyscope_demo.folder import DemoFolder
from studyscope_demo.mail_routes import write_mail_routes
from studyscope_demo.ports import HOST, Ports

KEPT = "5y"


class MissingProgram(Exception):
    """A program is not on this machine; the message says how to get it."""


@dataclass(frozen=True)
class Program:
    """One process to start, and where it answers once it is up."""

    name: str
    command: Sequence[str]
    ready_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def own_program(name: str, module: str, *arguments: str, ready_url: str | None = None) -> Program:
    return Program(name, [sys.executable, "-m", f"studyscope_demo.programs.{module}", *arguments], ready_url)


def mailbox(folder: DemoFolder, ports: Ports) -> Program:
    smtp, web = (str(ports.by_server[server]) for server in ("smtp", "mails"))
    arguments = (str(folder.mails), HOST, smtp, web)
    return own_program("mails", "mailbox", *arguments, ready_url=ports.url("mails"))


def aggregator(folder: DemoFolder, ports: Ports) -> Program:
    """The centre; its settings file is written here."""
    content = {
        "registry": "registry",
        "store": "reports.sqlite",
        "listen": {"host": HOST, "port": ports.by_server["aggregator"]},
        "base_url": ports.url("aggregator"),
        "mail_links": folder.mail_links.name,
        "remote_write": {"url": f"{ports.url('prometheus')}/api/v1/write", "window_hours": 400 * 24},
    }
    folder.centre_file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return own_program("aggregator", "centre", str(folder.root), ready_url=f"{ports.url('aggregator')}/readyz")


def line(folder: DemoFolder, ports: Ports, site: str) -> Program:
    """The line of the hospital that falls silent."""
    cut = str(folder.lines_cut / site)
    return own_program(f"line-{site}", "line", ports.address("line"), ports.address("aggregator"), cut)


def hospital(folder: DemoFolder, site: str) -> Program:
    return own_program(f"hospital-{site}", "hospital", str(folder.root), site)


def prometheus(folder: DemoFolder, ports: Ports) -> Program:
    here = folder.program("prometheus")
    here.mkdir(exist_ok=True)
    rules = write_rules(here)
    config = prometheus_config(
        ports.address("aggregator"),
        alertmanager=ports.address("alertmanager"),
        rule_files=[str(rules.absolute())],
        scrape_interval="5s",
        evaluation_interval="5s",
        out_of_order_window="400d",
        itself=ports.address("prometheus"),
    )
    (here / "prometheus.yml").write_text(config, encoding="utf-8")
    command = [
        _found("prometheus"),
        f"--config.file={here / 'prometheus.yml'}",
        f"--storage.tsdb.path={here / 'data'}",
        f"--storage.tsdb.retention.time={KEPT}",
        f"--web.listen-address={ports.address('prometheus')}",
        f"--web.external-url={ports.url('prometheus')}",
        "--web.enable-remote-write-receiver",
    ]
    return Program("prometheus", command, f"{ports.url('prometheus')}/-/ready")


def alertmanager(folder: DemoFolder, ports: Ports) -> Program:
    here = folder.alertmanager_config.parent
    write_mail_routes(folder, ports, DemoClock(folder.clock).now().date())
    command = [
        _found("alertmanager", "prometheus-alertmanager"),
        f"--config.file={folder.alertmanager_config}",
        f"--storage.path={here / 'data'}",
        f"--web.listen-address={ports.address('alertmanager')}",
        f"--web.external-url={ports.url('alertmanager')}",
        "--cluster.listen-address=",
        "--data.retention=360h",  # more than twice the longest repeat, else a repeat is taken for a new alert
    ]
    return Program("alertmanager", command, f"{ports.url('alertmanager')}/-/ready")


def routes(folder: DemoFolder, ports: Ports) -> Program:
    """What a reader chooses by the links of a mail is in force within seconds."""
    return own_program("routes", "routes", str(folder.root), json.dumps(dict(ports.by_server)))


def grafana(folder: DemoFolder, ports: Ports, environment: Mapping[str, str] = os.environ) -> Program | None:
    """Grafana with everything provisioned; None when this machine has none."""
    here = folder.program("grafana").absolute()
    write_grafana_files(folder, ports)
    start = grafana_command(environment)
    if start is None:
        return None
    return Program(
        "grafana",
        [*start, f"--config={here / 'grafana.ini'}"],
        f"{ports.url('grafana')}/api/health",
    )


def write_grafana_files(folder: DemoFolder, ports: Ports) -> None:
    """Dashboards, data source and settings; also what a container of Grafana is given."""
    here = folder.program("grafana").absolute()
    dashboards, provisioning = here / "dashboards", here / "provisioning"
    password = here / "admin-password"
    (here / "data").mkdir(parents=True, exist_ok=True)  # the start script of Grafana's image makes no parents
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(18), encoding="utf-8")
    write_dashboards(dashboards)
    write_grafana_provisioning(provisioning, ports.url("prometheus"), str(dashboards))
    settings = grafana_ini(
        http_addr=HOST,
        http_port=ports.by_server["grafana"],
        data_folder=str(here / "data"),
        provisioning_folder=str(provisioning),
        root_url=ports.url("grafana"),
        anonymous_viewer=True,
        home_dashboard=str(dashboards / "consortium.json"),
        admin_password_file=str(password),
    )
    (here / "grafana.ini").write_text(settings, encoding="utf-8")


def container_command(folder: DemoFolder) -> str:
    """One line that starts Grafana in a container with the same files, on this machine's own network.

    The image sets every path in its environment, which goes before grafana.ini.
    """
    here = folder.program("grafana").absolute()
    below = {
        "CONFIG": "grafana.ini",
        "PROVISIONING": "provisioning",
        "DATA": "data",
        "LOGS": "data/log",
        "PLUGINS": "data/plugins",
    }
    paths = " ".join(f"-e GF_PATHS_{name}={here / path}" for name, path in below.items())
    return f"docker run --rm --network host --user $(id -u) -v {here}:{here} {paths} grafana/grafana:12.2.0"


def _found(*names: str) -> str:
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise MissingProgram(
        f"{names[0]} is not on this machine. On Debian or Ubuntu: apt-get install prometheus prometheus-alertmanager. "
        "Elsewhere: download it from the Prometheus project and put it on the PATH"
    )
