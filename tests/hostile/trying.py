"""Reads damaged files in processes of their own, each within a time and a size, and says which ones did harm."""

from __future__ import annotations

import logging
import resource
import shutil
import signal
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

from hostile.corpus import CANARY, Sound, corpus
from hostile.mutations import mutated

SECONDS_EACH = 20
MOST_BYTES = 6 << 30  # of addresses; what is really used is far less
_AT_ONCE = 250
Piece = tuple[range, str]
"""Numbers of files, and of which kind; "" for each of the first ones in turn."""


@dataclass
class Tried:
    """How many files, what became of them, and those that did harm: their names and what they did."""

    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    harm: list[str] = field(default_factory=list)
    most_kib: int = 0

    def add(self, other: Tried) -> None:
        self.files += other.files
        self.outcomes += other.outcomes
        self.harm += other.harm
        self.most_kib = max(self.most_kib, other.most_kib)


class TooSlow(Exception):
    """A file took longer than it may."""


def tried(numbers: Iterable[int], kind: str = "") -> Tried:
    """Reads the damaged files of these numbers, in this process; of one `kind`, or of each of the first ones in turn."""
    found, heard = Tried(), _Listener()
    logging.getLogger().addHandler(heard)
    try:
        with tempfile.TemporaryDirectory() as folder:
            sound = [one for one in corpus(Path(folder)) if (one.name == kind if kind else not one.added)]
            for number in numbers:
                scratch = Path(folder, "scratch")
                scratch.mkdir()
                _try_one(sound[number % len(sound)], number, scratch, found)
                shutil.rmtree(scratch)
    finally:
        logging.getLogger().removeHandler(heard)
    found.harm += [f"logged: {line}" for line in heard.canaries]
    found.most_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found


def _try_one(sound: Sound, number: int, scratch: Path, found: Tried) -> None:
    found.files += 1
    raw = mutated(sound.content, f"{sound.name} {number}", text=sound.text)
    try:
        with _in_time():
            outcome = sound.read(raw, scratch)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        found.harm.append(f"{sound.name} {number}: {type(error).__name__} in {Path(where.filename).name}:{where.lineno}")
        return
    found.outcomes[f"{sound.name}: {outcome}"] += 1
    if CANARY in outcome:
        found.harm.append(f"{sound.name} {number}: text of the file in the outcome")


@contextmanager
def _in_time() -> Iterator[None]:
    def over(_: int, __: FrameType | None) -> None:
        raise TooSlow

    # Of processor time: what a busy or a stopped machine takes is no fault of the file's.
    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, SECONDS_EACH)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class _Listener(logging.Handler):
    """Keeps log lines that hold text of a file."""

    def __init__(self) -> None:
        super().__init__()
        self.canaries: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if CANARY in record.getMessage():
            self.canaries.append(record.name)


def pieces(first: int, files: int, kind: str = "") -> list[Piece]:
    """What a process reads at once, for `files` files from number `first` on."""
    return [(range(at, min(at + _AT_ONCE, first + files)), kind) for at in range(first, first + files, _AT_ONCE)]


def tried_in_processes(pieces: Sequence[Piece], workers: int) -> Iterator[Tried]:
    """The results so far, after every piece; a process that dies is harm too, told by the numbers that it had."""
    total = Tried()
    with _pool(workers) as pool:
        running: Sequence[tuple[range, Future[Tried]]] = [(piece[0], pool.submit(tried, *piece)) for piece in pieces]
        for numbers, job in running:
            try:
                total.add(job.result())
            except BrokenProcessPool:
                total.harm.append(f"a process died reading one of the files {numbers.start} to {numbers.stop - 1}, or beside it")
                yield total
                return
            yield total


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_limited)


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
