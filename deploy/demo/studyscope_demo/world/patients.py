"""The course of one made-up patient: who, imaged when and with what, segmented, reviewed, read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from studyscope_demo.profiles import Device, Hospital
from studyscope_demo.world.jobs import WORKFLOWS, InferenceJob, drawn_job
from studyscope_demo.world.readings import Result, algorithm_result, reader_result, true_volumes

_SEX = {"F": 0.44, "M": 0.47, "": 0.08, "O": 0.01}
REVIEWED, READ_AGAIN, STRAY = 0.55, 0.2, 0.03
"""Shares of segmented patients who are reviewed and read a second time, and of images of another body part."""
FOLLOW_UP_DAY, FOLLOW_UP_SPREAD = 90, 9.0
"""Days after the first images at which patients come again, and how far apart."""


@dataclass(frozen=True)
class Scan:
    """One image series."""

    device: Device
    manufacturer: str
    body_part: str
    slice_thickness: float
    instances: int


@dataclass(frozen=True)
class Course:
    """One patient. Days are numbered from the first day of the demo; `acquired` may lie before it."""

    patient_id: str
    sex: str
    age: str
    acquired: int
    arrives: int
    scans: tuple[Scan, ...]
    jobs: tuple[InferenceJob, ...]
    truth: Mapping[str, float]
    result: Result
    reviewed_on: int | None
    read_again: bool
    reader_seed: int
    seen_again: int | None
    """The day of the follow-up's images; like `acquired` it may lie before the demo."""

    @property
    def segmented_on(self) -> int | None:
        return self.jobs[0].succeeded_on

    @property
    def read_again_on(self) -> int:
        """When what the follow-up shows is at the hospital."""
        return max(self.arrives, self.acquired if self.seen_again is None else self.seen_again)

    @cached_property
    def reading(self) -> Result:
        """What a person drew, in the review or in the second reading."""
        return reader_result(dict(self.truth), np.random.default_rng(self.reader_seed))


def drawn_course(hospital: Hospital, devices: tuple[Device, ...], number: int, arrives: int, rng: np.random.Generator) -> Course:
    """Patient `number` of the hospital, whose images reach the archive on day `arrives`."""
    patient_id = f"{hospital.id[:3].upper()}{number:06d}"
    backlog = number < hospital.backlog
    acquired = arrives - int(rng.integers(5, 900)) if backlog else arrives
    first = arrives + int(rng.integers(0, 25 if backlog else 5))
    jobs = tuple(
        drawn_job(f"{patient_id}-{workflow.id}", workflow, first, rng) for workflow in WORKFLOWS if rng.random() < workflow.share
    )
    truth = true_volumes(rng)
    done = jobs[0].succeeded_on
    return Course(
        patient_id=patient_id,
        sex=_weighted(_SEX, rng),
        age=_age(rng),
        acquired=acquired,
        arrives=arrives,
        scans=_scans(devices, rng),
        jobs=jobs,
        truth=truth,
        result=algorithm_result(truth, hospital.noise, rng),
        reviewed_on=done + int(rng.integers(4, 30)) if done is not None and rng.random() < REVIEWED else None,
        read_again=bool(rng.random() < READ_AGAIN),
        reader_seed=int(rng.integers(1 << 62)),
        seen_again=_seen_again(acquired, hospital.seen_again, rng),
    )


def _seen_again(acquired: int, share: float, rng: np.random.Generator) -> int | None:
    """The last draw, so that a patient is otherwise the same whether or not they come again."""
    return acquired + round(rng.normal(FOLLOW_UP_DAY, FOLLOW_UP_SPREAD)) if rng.random() < share else None


def _scans(devices: tuple[Device, ...], rng: np.random.Generator) -> tuple[Scan, ...]:
    shares = np.array([device.share for device in devices])
    series = 2 if rng.random() < 0.15 else 1
    return tuple(_scan(devices[int(rng.choice(len(devices), p=shares / shares.sum()))], rng) for _ in range(series))


def _scan(device: Device, rng: np.random.Generator) -> Scan:
    return Scan(
        device=device,
        manufacturer=_weighted(device.manufacturer, rng),
        body_part="HEAD" if rng.random() < STRAY else _weighted(device.body_parts, rng),
        slice_thickness=float(rng.choice(device.slice_thickness)),
        instances=1 + int(rng.random() < 0.3),
    )


def _age(rng: np.random.Generator) -> str:
    """PatientAge (0010,1010) as devices write it: missing, or 000Y, for some."""
    draw = rng.random()
    if draw < 0.1:
        return ""
    return "000Y" if draw < 0.11 else f"{int(np.clip(rng.normal(61, 14), 18, 97)):03d}Y"


def _weighted(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    values = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(values), p=values / values.sum()))]
