"""What a fault of the program says into a log: where it happened, never what it held.

Logs are often sent on to other machines. The message of an error that nobody foresaw can hold anything:
a path with a name in it, a key, a count of patients. So a log gets the kinds of the errors and the
lines of the program; whoever runs the command again in a terminal sees everything.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from pathlib import PurePath
from types import TracebackType
from typing import TextIO

NOT_SHOWN = "what it says is not written here, as it could hold something about patients; run the command in a terminal to see it"
_DEEPEST = 12


def fault_words(error: BaseException) -> str:
    """Kind and place of `error` and of what it came from, innermost frame last; one line."""
    chain, seen = list[str](), set[int]()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = traceback.extract_tb(current.__traceback__)[-_DEEPEST:]
        places = " > ".join(f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)
        chain.append(f"{type(current).__name__} at {places or 'no known place'}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "a fault of the program: " + ", from ".join(chain) + f"; {NOT_SHOWN}"


def _place(filename: str) -> str:
    return "/".join(PurePath(filename).parts[-2:])


class QuietAboutValues(logging.Formatter):
    """Writes the errors of log lines by kind and place."""

    def formatException(self, ei: tuple[object, ...]) -> str:  # noqa: N802 - its name in the standard library
        error = ei[1]
        return fault_words(error) if isinstance(error, BaseException) else ""

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another formatter may have written it out
        return super().format(record)


def keep_values_out(stream: TextIO, log_line: str) -> None:
    """From now on an error that nobody foresaw is told to `stream` by kind and place; a terminal is told everything."""
    if stream.isatty():
        return
    for handler in logging.getLogger().handlers:
        handler.setFormatter(QuietAboutValues(log_line))

    def tell(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:  # noqa: ARG001
        stream.write(f"{fault_words(error if error is not None else kind())}\n")

    sys.excepthook = tell
    threading.excepthook = lambda told: tell(told.exc_type, told.exc_value, told.exc_traceback)
