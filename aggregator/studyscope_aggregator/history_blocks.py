"""The whole history anew, as blocks that Prometheus reads: for a purge, a new server, or what is older than its window.

Neither Prometheus nor its kin write a sample again (design.md 7), so what has to change needs a new
database. It is made from the store: OpenMetrics text a month, and promtool makes blocks of each.

NoBlocks         promtool is not here, or did not take what was written
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from studyscope_aggregator.history import Day, due_days
from studyscope_aggregator.store import HistoryMark, ReportStore
from studyscope_aggregator.write_request import Point
from studyscope_contract.study import Study
from studyscope_contract.study_site import StudySite

READ_AT_ONCE = 64


class NoBlocks(Exception):
    """The message says what is missing."""


def days_of(store: ReportStore, study: str, site: StudySite, now: dt.datetime) -> Iterator[Day]:
    """Every day of a site's history, oldest first, of the reports that are not retracted."""
    mark: HistoryMark | None = None
    while True:
        entries = store.reports(study, site.id, mark.sequence - 1 if mark else 0, READ_AT_ONCE)
        complete = len(entries) < READ_AT_ONCE
        before = mark
        for day in due_days(site, entries, mark, now, complete=complete):
            yield day
            mark = day.mark
        if complete or mark == before:
            return


class MonthlyText:
    """OpenMetrics files, one a month, in a folder; samples of a series must come in the order of time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._files, self._open = folder, dict[str, TextIO](), ExitStack()
        self.samples = 0

    def add(self, days: Iterable[Day]) -> None:
        for day in days:
            file = self._file(f"{day.moment:%Y-%m}")
            for point in day.points:
                file.write(_line(point))
            self.samples += len(day.points)

    def close(self) -> list[Path]:
        """The files, oldest month first."""
        for file in self._files.values():
            file.write("# EOF\n")
        self._open.close()
        return [self._folder / f"{month}.txt" for month in sorted(self._files)]

    def _file(self, month: str) -> TextIO:
        if month not in self._files:
            path = self._folder / f"{month}.txt"
            self._files[month] = self._open.enter_context(path.open("w", encoding="utf-8"))
        return self._files[month]


def written(store: ReportStore, studies: Iterable[Study], folder: Path, now: dt.datetime) -> tuple[list[Path], int]:
    """The whole history as text in `folder`: the files and how many samples they hold."""
    text = MonthlyText(folder)
    for study in studies:
        for site in study.sites:
            text.add(days_of(store, study.id, site, now))
    return text.close(), text.samples


def as_blocks(files: Iterable[Path], database: Path) -> None:
    """Makes blocks of each file in `database`; raises NoBlocks."""
    promtool = shutil.which("promtool")
    if promtool is None:
        raise NoBlocks("promtool is not here: it comes with Prometheus; run this where it is, or take the text (--text-only)")
    for file in files:
        command = [promtool, "tsdb", "create-blocks-from", "--quiet", "openmetrics", str(file), str(database)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise NoBlocks(f"promtool did not take {file.name}: {(done.stderr or done.stdout).strip()[-500:]}")


def _line(point: Point) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in point.labels)
    moment = f"{point.millis // 1000}.{point.millis % 1000:03d}"
    return f"{point.name}{{{labels}}} {point.value} {moment}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
