"""What the hospital's people and programs do beside: annotation sessions, and rounds of federated learning."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator

import numpy as np

from studyscope_demo.world.growing_table import GrowingTable, Line
from studyscope_demo.world.patients import Course

READERS = 7
ROUNDS_FILE = "rounds.jsonl"
_DAYS_BETWEEN_ROUNDS = 7
_STATES = {"participated": 0.82, "late": 0.1, "missed": 0.08}
_INTERACTIONS = {"accepted": 0.3, "corrected": 0.45, "prompted": 0.18, "drawn": 0.07}


def _sessions(course: Course, rng: np.random.Generator, first_day: dt.date) -> Iterator[Line]:  # noqa: ARG001
    if course.reviewed_on is None:
        return
    overlap = 1 - float(np.clip(rng.beta(1.6, 16), 0.002, 0.7))
    for number in range(1, 2 + int(rng.geometric(0.6) - 1)):
        session = {
            "case": f"{course.patient_id}_abdomen",
            "PatientID": course.patient_id,
            "reader": f"reader-{int(rng.integers(READERS))}",
            "round": number,
            "interaction": str(rng.choice(list(_INTERACTIONS), p=list(_INTERACTIONS.values()))),
            "draft_dice": round(overlap, 3),
            "minutes": round(float(rng.lognormal(2.2, 0.5)), 1),
        }
        yield course.reviewed_on, json.dumps(session)


def learning_round(day: int, rng: np.random.Generator) -> str:
    """The line of the round that ends on `day`; empty on days without one."""
    if day % _DAYS_BETWEEN_ROUNDS:
        return ""
    state = str(rng.choice(list(_STATES), p=list(_STATES.values())))
    return json.dumps({"round": day // _DAYS_BETWEEN_ROUNDS + 1, "state": state})


ANNOTATION = GrowingTable("annotation.jsonl", "", _sessions)
