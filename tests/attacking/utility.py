"""What protection costs: how far shown numbers are from the truth, how old they get, and how many patients are seen at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attacking.hospital import AGE, FIRST_POINT, SEX, STAGE, VENDOR, lived
from attacking.people import DAYS_A_WEEK, Life
from studyscope_contract.policy import Policy
from studyscope_exporter.disclosure.audit import Audit
from studyscope_exporter.disclosure.contributions import POPULATION

PARTITIONS = (STAGE, SEX, AGE, VENDOR)


@dataclass(frozen=True)
class Utility:
    """Of one hospital over its years: patients, weeks, and shares of 0 to 1."""

    error: float  # mean distance of the shown size from the true size of that day
    weeks_between: float
    in_shown_cells: float
    held: float  # of the releases that the audit was asked about


def utility(life: Life, seed: int, policy: Policy, audit: Audit) -> Utility:
    """Measured on every day since the size was shown first."""
    history = lived(life, seed, policy, audit)
    sizes = {one.grid_point: one.tables[POPULATION].get(()) for one in history.published.moments if POPULATION in one.tables}
    points = sorted(sizes)
    errors = []
    if points:
        for point in range(points[0], FIRST_POINT + life.weeks * DAYS_A_WEEK):
            day = point - FIRST_POINT
            truly = int(np.count_nonzero((history.people.joined <= day) & (day < history.people.left)))
            shown = sizes[max(one for one in points if one <= point)]
            errors.append(abs(truly - (shown or 0)))
    gaps = np.diff(points) / DAYS_A_WEEK
    shares = []
    for moment in history.published.moments:
        for key in PARTITIONS:
            if key in moment.tables:
                behind = history.truth[key, moment.grid_point]
                shares.append(sum(behind.cells.get(cell, 0) for cell in moment.tables[key]) / max(behind.patients, 1))
    nothing = float("nan")
    return Utility(
        float(np.mean(errors)) if errors else nothing,
        float(np.mean(gaps)) if len(gaps) else nothing,
        float(np.mean(shares)) if shares else nothing,
        history.holds / history.asked if history.asked else nothing,
    )
