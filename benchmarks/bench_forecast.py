"""How often the 80 % interval of the forecast held the truth, on real accrual curves.

The curves are the days of each patient's first scan in collections of the Imaging Data Commons (package idc-index-data);
a collection is taken where it has at least 100 patients and no day on which many of them stand at once (dates that were
made up). Patients are dealt to 1, 4 and 8 sites, each of which publishes under the policy `tens`. From forty moments of each
curve, the patients in 30 to 360 days are forecast and compared with those who came.
Goal: between 70 and 90 per cent. `pip install idc-index-data pyarrow` first; without them it says so and is done.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import random
import statistics
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from studyscope_aggregator.forecast.curve import Curve, Release
from studyscope_aggregator.forecast.interval import Start, expected
from studyscope_aggregator.forecast.pace import DAY, pace
from studyscope_contract.policy import PRESETS

FIRST_DAY = dt.datetime(2000, 1, 1, 4, tzinfo=dt.UTC)
AHEAD = (30, 90, 180, 360)
DEALS = 5
"""How often the patients of a curve are dealt to the sites."""
NOT_SCANS = ("SEG", "SR", "RTSTRUCT", "ANN", "SM")
Case = tuple[int, bool, bool]
"""Days ahead, whether the interval held the truth, whether fewer came than its lower bound."""


def real_curves(parquet: Path) -> dict[str, list[int]]:
    """Day of each patient's first scan, counted from the collection's first, in order."""
    import pandas as pd

    wanted = ["collection_id", "PatientID", "StudyDate", "Modality"]
    series = pd.read_parquet(parquet, columns=wanted).dropna(subset=["StudyDate"])
    series = series[~series["Modality"].isin(NOT_SCANS)]
    first = pd.to_datetime(series["StudyDate"].astype(str)).groupby([series["collection_id"], series["PatientID"]]).min()
    curves = {}
    for collection, dates in first.groupby(level=0):
        days = sorted(int(day) for day in (dates - dates.min()).dt.days)
        most = max(days.count(day) for day in set(days))
        if len(days) >= 100 and most <= max(6, 0.03 * len(days)):
            curves[str(collection)] = days
    return curves


def releases(days: Sequence[int]) -> list[Release]:
    """What a site with patients on these days publishes: a move when enough came."""
    parameters, found, before = PRESETS["tens"], list[Release](), 0
    for day in sorted(set(days)):
        count = bisect_right(days, day)
        shown = parameters.published(count)
        if shown is not None and count - before >= parameters.m:
            before = count
            found.append(Release(FIRST_DAY + day * DAY, len(found) + 1, shown, *parameters.bounds(shown)))
    return found


def cases(days: Sequence[int], sites: int, rng: random.Random) -> Iterator[Case]:
    parts: list[list[int]] = [[] for _ in range(sites)]
    for day in days:
        parts[rng.randrange(sites)].append(day)
    published = [releases(part) for part in parts]
    last = days[-1]
    for now in range(max(last // 40, 7), last, max(last // 40, 7)):
        at = FIRST_DAY + now * DAY
        curves = [Curve(str(i), tuple(r for r in all_of if r.at <= at), at) for i, all_of in enumerate(published)]
        curves = [curve for curve in curves if curve.releases]
        measured = pace(curves, at)
        if measured is None:
            continue
        start = Start.of((curve.releases[-1].value, curve.releases[-1].lower, curve.releases[-1].upper) for curve in curves)
        for ahead in (days_ahead for days_ahead in AHEAD if now + days_ahead <= last):
            truth = sum(bisect_right(parts[int(curve.site)], now + ahead) for curve in curves)
            said = expected(start, measured, ahead)
            yield ahead, said.lower <= truth <= said.upper, truth < said.lower


def share(found: dict[str, list[Case]], ahead: int | None = None) -> float:
    """Mean over the curves of the share of cases that held, so that long curves weigh no more than short ones."""
    per_curve = [[held for days, held, _ in all_of if ahead in (None, days)] for all_of in found.values()]
    return statistics.mean(statistics.mean(held) for held in per_curve if held)


def main() -> int:
    there = importlib.util.find_spec("idc_index_data")
    if there is None or there.origin is None or importlib.util.find_spec("pyarrow") is None:
        print("forecast: not measured, because idc-index-data and pyarrow are not installed")
        return 0
    curves = real_curves(Path(there.origin).parent / "idc_index.parquet")
    print(f"forecast: {len(curves)} real accrual curves, {sum(map(len, curves.values()))} patients")
    print(
        "| sites | curves | held | first half | other half | " + " | ".join(f"{days} days" for days in AHEAD) + " | fewer came |"
    )
    outside = []
    for sites in (1, 4, 8):
        found: dict[str, list[Case]] = defaultdict(list)
        for name, days in sorted(curves.items()):
            if len(days) >= 100 * (2 if sites > 1 else 1):
                found[name] = [case for deal in range(DEALS) for case in cases(days, sites, random.Random(f"{name} {deal}"))]
        found = {name: all_of for name, all_of in found.items() if all_of}
        halves = [dict(list(found.items())[part::2]) for part in (0, 1)]
        shares = [share(found), *(share(half) for half in halves), *(share(found, days) for days in AHEAD)]
        fewer = statistics.mean(statistics.mean(low for _, _, low in all_of) for all_of in found.values())
        print(f"| {sites} | {len(found)} | " + " | ".join(f"{part:.0%}" for part in (*shares, fewer)) + " |")
        outside += [part for part in shares[:1] if not 0.7 <= part <= 0.9]
    return 1 if outside else 0


if __name__ == "__main__":
    raise SystemExit(main())
