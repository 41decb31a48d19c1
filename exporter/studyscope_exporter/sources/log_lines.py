"""Lines of a log that a tool writes: JSON lines, a CSV table or an .xlsx workbook, by columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from studyscope_exporter.csv_table import Encoding, TableProblem
from studyscope_exporter.foreign_json import parsed
from studyscope_exporter.linking import field_value
from studyscope_exporter.sources.tables import table_bytes, table_lines

JSON_ENDINGS = frozenset({".jsonl", ".ndjson", ".json"})
LONGEST_FIELD = 1_000


def log_lines(
    path: Path, encoding: Encoding, wanted: Sequence[str], sheet: str = ""
) -> Iterator[tuple[int, Mapping[str, str] | None]]:
    """Each line's wanted columns as texts with its number; None for a line of JSON that is no object.

    In JSON a dot in a column's name steps into an object, and a column that is not there is empty.
    Raises OSError and TableProblem.
    """
    if path.suffix.lower() not in JSON_ENDINGS:
        yield from table_lines(path, encoding, wanted, sheet)
        return
    for number, line in enumerate(table_bytes(path).splitlines(), 1):
        if line.strip():
            yield number, _fields(line, wanted, number)


def _fields(line: bytes, wanted: Sequence[str], number: int) -> Mapping[str, str] | None:
    try:
        found = parsed(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeError:
        raise TableProblem(f"is not UTF-8 at line {number}; JSON lines are") from None
    except (ValueError, RecursionError):
        return None
    return {name: _text(field_value(found, name)) for name in wanted} if isinstance(found, dict) else None


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str | int | float):
        return str(value).encode("utf-8", "replace").decode()[:LONGEST_FIELD].strip()
    return ""


def number_of(text: str) -> float | None:
    """A finite number that is not negative, with a decimal point or comma; None for no such number."""
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        return None
    return found if 0.0 <= found < float("inf") else None
