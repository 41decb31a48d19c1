"""Keeps Alertmanager's routes as people, studies and sites are now, without a restart."""

from __future__ import annotations

import datetime as dt
import logging
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from studyscope_contract.mail_link import LinkProblem
from studyscope_contract.yaml_file import FileProblem
from studyscope_dashboards.registry_contacts import ContactsProblem

log = logging.getLogger(__name__)

LOOKS_EVERY_SECONDS = 2.0
TIMEOUT_SECONDS = 10.0

Stamp = tuple[dt.date, tuple[tuple[str, int, int, int], ...]]


@dataclass(frozen=True)
class Alertmanager:
    """A running Alertmanager, by its address."""

    url: str

    def reload(self) -> str:
        """Has it read its configuration again; says in words why it did not, empty when it did."""
        request = urllib.request.Request(f"{self.url.rstrip('/')}/-/reload", method="POST")
        straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it stands beside us
        try:
            with straight.open(request, timeout=TIMEOUT_SECONDS):
                return ""
        except urllib.error.HTTPError as error:
            return f"Alertmanager refuses the configuration: {error.read(500).decode('utf-8', 'replace').strip()}"
        except OSError as error:
            return f"Alertmanager at {self.url} does not answer: {error}"


def follow(
    write: Callable[[dt.date], bool],
    read: Callable[[], Sequence[Path]],
    alertmanager: Alertmanager,
    *,
    now: Callable[[], dt.datetime],
    wait: Callable[[float], None],
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Calls `write` at first, each day and whenever a file of `read` changed, and reloads where it wrote something.

    A file that cannot be used leaves the last good routes in force; an Alertmanager that does not
    answer is told as soon as it does.
    """
    seen: Stamp | None = None
    told, untold = "", True  # nobody knows what a running Alertmanager has read
    while not until():
        stamp = _stamp(read(), now().date())
        if stamp != seen:
            seen = stamp
            untold |= _written(write, stamp[0])
        if untold:
            problem = alertmanager.reload()
            if problem and problem != told:
                log.warning("%s; tried again every %.0f s", problem, LOOKS_EVERY_SECONDS)
            if not problem:
                log.info("Alertmanager has the routes of now")
            told, untold = problem, bool(problem)
        wait(LOOKS_EVERY_SECONDS)


def _written(write: Callable[[dt.date], bool], today: dt.date) -> bool:
    try:
        return write(today)
    except (FileProblem, ContactsProblem, LinkProblem) as problem:
        log.error("routes not written anew, the last good ones stay in force; correct this:\n%s", problem)
        return False


def _stamp(paths: Sequence[Path], today: dt.date) -> Stamp:
    found = []
    for path in paths:
        try:
            state = path.stat()
        except OSError:
            continue
        found.append((str(path), state.st_mtime_ns, state.st_size, state.st_ino))
    return today, tuple(found)
