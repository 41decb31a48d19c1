"""What protection costs, on the page of results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attacking.record import Sums
from attacking.rows import UTILITY_RATES, Row

HEAD = """
## What protection costs

Two years of a hospital under each preset, {histories} histories a field: mean distance of the shown size from the true size of the
day (patients) / weeks between updates / share of patients who are in shown cells of sex, age, vendor and stage. `-`: never
shown. {audited}
"""
WITH, WITHOUT = (
    "With the audit (at 8 a week over 52 weeks, at 30 a week over 16), *held* is the share of releases that it put off.",
    "Without the audit: gate, delay and bins alone.",
)


def use_section(rows: Sequence[Row], found: Mapping[str, Sums]) -> Iterator[str]:
    """One table with the audit's holds, one without; a field that nobody measured yet says so."""
    for audited in (True, False):
        fields = {(str(row.about["preset"]), row.about["rate"]): found.get(row.id) for row in rows if _is(row, audited)}
        histories = {sums.histories for sums in fields.values() if sums is not None}
        yield HEAD.format(histories=" or ".join(map(str, sorted(histories))) or "no", audited=WITH if audited else WITHOUT)
        yield "| preset | " + " | ".join(f"{rate} a week" for rate in UTILITY_RATES) + " |"
        yield "|---|" + "---|" * len(UTILITY_RATES)
        for preset in dict.fromkeys(name for name, _ in fields):
            cells = [_field(fields.get((preset, rate)), audited) for rate in UTILITY_RATES]
            yield f"| {preset} | " + " | ".join(cells) + " |"


def _is(row: Row, audited: bool) -> bool:
    return row.kind == "useful" and row.about["audited"] == audited


def _field(sums: Sums | None, audited: bool) -> str:
    if sums is None:
        return "not measured"
    error, weeks, shown, held = (_mean(sums, name) for name in ("error", "weeks_between", "in_shown_cells", "held"))
    if error is None or shown is None:
        return "-"
    text = f"{error:.1f} / {'-' if weeks is None else f'{weeks:.1f}'} / {100 * shown:.0f} %"
    return f"{text}, held {100 * (held or 0):.0f} %" if audited else text


def _mean(sums: Sums, name: str) -> float | None:
    measured = sums[f"{name} measured"]
    return sums[name] / measured if measured else None
