"""The full attack: `python -m attacking` attacks simulated hospitals until every attack has 200 histories over its rows.

Every history is a line in a file as soon as it is done. Break the run off whenever you like (--minutes, Ctrl-C, a power
cut) and start it again: it goes on with what is missing. The page is written from whatever there is, after every minute.
"""

from __future__ import annotations

import argparse
import datetime as dt
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing.connection import wait as wait_for_any
from pathlib import Path

from attacking.page import page
from attacking.record import Numbers, Record, Sums, code_hash
from attacking.rows import Row, rows
from studyscope_contract import metric, policy
from studyscope_exporter import attack, disclosure

PAGE_EVERY = 60.0
FIRST_SEED = 1000


def timed(row: Row, seed: int) -> tuple[Numbers, float]:
    start = time.monotonic()
    return row.attack(seed), time.monotonic() - start


def end_with_parent() -> None:
    """A worker whose run was killed would wait for work for ever: it ends as soon as its parent is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for_any([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def missing(wanted: Sequence[Row], sums: Mapping[str, Sums], histories: int | None) -> list[tuple[Row, int]]:
    """What is to be done, so that all rows grow together: a half of one when there is a half of each other."""
    todo = []
    for place, row in enumerate(wanted):
        goal = row.histories if histories is None else min(row.histories, histories)
        done = sums[row.id].seeds if row.id in sums else set()
        todo += [((n + 0.5) / goal, place, row, FIRST_SEED + n) for n in range(goal) if FIRST_SEED + n not in done]
    return [(row, seed) for _, _, row, seed in sorted(todo, key=lambda one: one[:2])]


def seconds_left(todo: Sequence[tuple[Row, int]], sums: Mapping[str, Sums], workers: int) -> float | None:
    """From how long each row took so far; None while nothing of some row was measured."""
    total = 0.0
    for row, _ in todo:
        known = sums.get(row.id)
        if known is None or not known.histories:
            return None
        total += known.seconds / known.histories
    return total / workers


class Run:
    """One run over what is missing; results are told and written as they come."""

    def __init__(self, record: Record, sums: dict[str, Sums], page_file: Path, workers: int) -> None:
        self._record, self._sums, self._page, self._workers = record, sums, page_file, workers
        self._written = time.monotonic()

    def over(self, todo: Sequence[tuple[Row, int]], seconds: float) -> None:
        start, at = time.monotonic(), 0
        running: dict[Future[tuple[Numbers, float]], tuple[Row, int]] = {}
        with ProcessPoolExecutor(self._workers, initializer=end_with_parent) as pool:
            while running or (at < len(todo) and time.monotonic() - start < seconds):
                while len(running) < self._workers and at < len(todo) and time.monotonic() - start < seconds:
                    row, seed = todo[at]
                    running[pool.submit(timed, row, seed)] = todo[at]
                    at += 1
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    self._taken(*running.pop(done), *done.result(), todo[at - len(running) :])

    def _taken(self, row: Row, seed: int, numbers: Numbers, seconds: float, left: Sequence[tuple[Row, int]]) -> None:
        self._record.append(row.id, seed, seconds, numbers)
        self._sums.setdefault(row.id, Sums()).add(seed, seconds, numbers)
        rest = seconds_left(left, self._sums, self._workers)
        estimate = "cannot be said before each row was tried" if rest is None else f"about {dt.timedelta(seconds=round(rest))}"
        print(f"{row.id} seed {seed}: {seconds:.1f} s; {len(left)} histories to go, {estimate}", flush=True)
        if time.monotonic() - self._written > PAGE_EVERY:
            self.write()

    def write(self) -> None:
        self._page.write_text(page(list(rows()), self._sums), encoding="utf-8")
        self._written = time.monotonic()


def arguments() -> argparse.Namespace:
    described = argparse.ArgumentParser(
        prog="python -m attacking", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    described.add_argument("--minutes", type=float, default=20.0, help="begin no history after so long (default 20)")
    described.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    described.add_argument("--histories", type=int, help="of each row, in place of the number that the specification asks for")
    described.add_argument("--only", default="", help="rows whose name holds this text")
    described.add_argument("--results", type=Path, default=Path(".attack/histories.jsonl"), help="one line per history")
    described.add_argument("--page", type=Path, default=Path("docs/attack-results.md"))
    return described.parse_args()


def _code() -> Iterator[Path]:
    """What a history depends on; not how it is told."""
    for package in (attack, disclosure):
        yield from Path(str(package.__file__)).parent.glob("*.py")
    yield from (Path(module.__file__) for module in (policy, metric))
    for name in ("hospital.py", "people.py", "utility.py", "rows.py", "on_*.py", "between_twins.py"):
        yield from Path(__file__).parent.glob(name)


def main() -> None:
    chosen = arguments()
    record = Record(chosen.results, code_hash(_code()))
    sums, other = record.read()
    if other:
        print(f"{other} histories in {chosen.results} are of other code and do not count")
    wanted = [row for row in rows() if chosen.only in row.id]
    todo = missing(wanted, sums, chosen.histories)
    run = Run(record, sums, chosen.page, chosen.workers)
    try:
        run.over(todo, chosen.minutes * 60)
    finally:
        run.write()
        print(f"written: {chosen.page}")


if __name__ == "__main__":
    main()
