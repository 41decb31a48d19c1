"""serve the hospital's own page, or set its password

The page shows exact numbers beside what is published and why the rest is not, and lets approvers
read and sign. It is off unless the site file has `page:`; then `run` serves it too. On an address
that others can reach it needs a certificate; without one it listens on this machine only.
"""

from __future__ import annotations

import argparse
import getpass
import sys

from studyscope_contract.yaml_file import FileProblem, Problem
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.page.password import write_password
from studyscope_exporter.page.serving import listening, page_server
from studyscope_exporter.settings import read_site_file


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set-password", action="store_true", help="ask for a new password, keep its hash, and end")


def execute(chosen: argparse.Namespace) -> int:
    settings = read_site_file(chosen.config)
    if settings.page is None:
        words = "is missing: add for example `page: {password_file: page.password}`"
        raise FileProblem(chosen.config, [Problem(0, "page", words)])
    if chosen.set_password:
        first = getpass.getpass("New password of the page: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        if sys.stdin.isatty() and getpass.getpass("Again: ") != first:
            print("the two differ; nothing was written", file=sys.stderr)
            return 1
        write_password(settings.page.password_file, first)
        print(f"{settings.page.password_file} holds its hash; a page that runs must be started again")
        return 0
    server = page_server(settings, settings.page, SystemClock())
    with listening(settings.page) as port:
        scheme = "https" if settings.page.encrypted else "http"
        print(f"The page is at {scheme}://{settings.page.address}:{settings.page.port}/ until Ctrl-C", flush=True)
        server.run([port])
    return 0 if server.started else 1
