"""`studyscope-dashboards`: writes what Grafana, Prometheus and Alertmanager read."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from studyscope_contract.mail_link import LinkProblem
from studyscope_contract.yaml_file import FileProblem
from studyscope_dashboards.cli_alertmanager import alertmanager_command
from studyscope_dashboards.cli_grafana import grafana_command, panels_command, public_command
from studyscope_dashboards.generated import differences, generate
from studyscope_dashboards.prometheus import prometheus_config
from studyscope_dashboards.quiet_hours import QuietHours
from studyscope_dashboards.registry_contacts import ContactsProblem
from studyscope_dashboards.rules import write_rules
from studyscope_dashboards.study_pages import UnknownPanel


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; 0 done, 1 generated files differ, 2 an input cannot be used."""
    chosen = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        code: int = chosen.run(chosen)
    except (FileProblem, ContactsProblem, LinkProblem, UnknownPanel) as problem:
        print(problem, file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="studyscope-dashboards", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    _generate_command(commands.add_parser("generate", help="write dashboards, provisioning, rules and mail templates"))
    _prometheus_command(commands.add_parser("prometheus", help="write prometheus.yml and the alert rules"))
    alertmanager_command(commands.add_parser("alertmanager", help="write alertmanager.yml and the mail templates"))
    grafana_command(commands.add_parser("grafana", help="write grafana.ini, provisioning and dashboards"))
    public_command(
        commands.add_parser("public", help="an organisation of Grafana's own for the public, with totals and nothing else")
    )
    runbooks = commands.add_parser("runbooks", help="write the page that the mails link to")
    runbooks.add_argument("--out", type=Path, required=True, metavar="FILE", help="runbooks.html in a folder that is served")
    runbooks.set_defaults(run=_runbooks)
    panels_command(commands.add_parser("panels", help="names of pages and panels, for `dashboards` in the study file"))
    _look_command(commands.add_parser("look", help="every query of every panel through a real Grafana, and screenshots"))
    check = commands.add_parser("check", help="form, layout, queries and lint rules of every page, without a server")
    check.set_defaults(run=_check)
    return parser


def _generate_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("deploy"), help="folder for grafana/, prometheus/, alertmanager/")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not as it would be written")
    parser.set_defaults(run=_generate)


def _generate(chosen: argparse.Namespace) -> int:
    if not chosen.check:
        generate(chosen.out)
        return 0
    different = differences(chosen.out)
    for name in different:
        print(f"{chosen.out / name}: not as generated; run: studyscope-dashboards generate --out {chosen.out}")
    return 1 if different else 0


def _prometheus_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--aggregator", required=True, metavar="HOST:PORT", help="where the published series are read")
    parser.add_argument("--replica", action="append", default=[], metavar="HOST:PORT", help="each aggregator process, if several")
    parser.add_argument("--alertmanager", metavar="HOST:PORT")
    parser.add_argument("--scheme", choices=("http", "https"), default="http")
    parser.add_argument("--interval", default="1m", help="how often series are read and rules evaluated (default 1m)")
    parser.add_argument(
        "--quiet", type=_quiet, metavar="HOURS", help="no mail begins or ends in these hours of UTC, as 20-6 or 20-6+weekends"
    )
    parser.add_argument("--window", default="400d", help="how late an offline site's history may land (default 400d)")
    parser.add_argument("--out", type=Path, required=True, help="folder for prometheus.yml and the rules")
    parser.set_defaults(run=_prometheus)


def _quiet(text: str) -> QuietHours:
    try:
        return QuietHours.parse(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _prometheus(chosen: argparse.Namespace) -> int:
    rules = write_rules(chosen.out, chosen.quiet)
    config = prometheus_config(
        chosen.aggregator,
        replicas=chosen.replica,
        alertmanager=chosen.alertmanager,
        rule_files=[rules.name],
        scrape_interval=chosen.interval,
        evaluation_interval=chosen.interval,
        out_of_order_window=chosen.window,
        scheme=chosen.scheme,
    )
    (chosen.out / "prometheus.yml").write_text(config, encoding="utf-8")
    return 0


def _look_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prometheus", required=True, metavar="URL", help="one with data, such as the demo's")
    parser.add_argument("--out", type=Path, default=Path("screenshots"), help="folder for the pictures (default screenshots)")
    parser.add_argument("--no-pictures", action="store_true", help="only ask the queries")
    parser.set_defaults(run=_look)


def _look(chosen: argparse.Namespace) -> int:
    # What looks needs a browser and an HTTP client, which a centre that only generates files does not install.
    from studyscope_dashboards.look.command import NoGrafana, look
    from studyscope_dashboards.look.grafana_server import GrafanaDidNotStart

    out = None if chosen.no_pictures else chosen.out
    try:
        return look(chosen.prometheus, out, os.environ, time.time, print)
    except (NoGrafana, GrafanaDidNotStart) as problem:
        print(problem, file=sys.stderr)
        return 2


def _runbooks(chosen: argparse.Namespace) -> int:
    chosen.out.write_bytes(files("studyscope_dashboards").joinpath("runbooks.html").read_bytes())
    return 0


def _check(_: argparse.Namespace) -> int:
    from studyscope_dashboards.checks.command import problems
    from studyscope_dashboards.page import pages_as_read

    pages = pages_as_read()
    found = list(problems(pages))
    for problem in found:
        print(problem, file=sys.stderr)
    if not found:
        print(f"{len(pages)} pages are as they should be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
