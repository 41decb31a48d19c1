"""Who takes part in the demo: each made-up hospital with its size, devices and peculiarities."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from pydantic import Field

from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Strict, parse_yaml

Noise = Literal["none", "contours_off", "structures_missing", "structures_added", "labels_confused"]
Part = Literal["reports", "falls_silent", "never_reports", "wrong_key"]
Table = Literal["landmarks", "decisions", "clinical", "roster", "lesions", "annotation", "learning", "phases"]
"""What a hospital keeps beside images, results and jobs; each is a file that grows."""
OF_READERS: tuple[Table, ...] = ("annotation",)
"""Tables about the work of people, which a hospital has to declare."""


class Device(Strict):
    """One scanner; texts with weights, because a device's attributes are not always spelled the same."""

    modality: Literal["CT", "MR"]
    manufacturer: dict[str, float]
    model: str
    body_parts: dict[str, float]
    slice_thickness: tuple[float, ...]
    share: float = Field(gt=0)
    field_strength: float | None = None
    syntax: Literal["explicit", "implicit", "deflated"] = "explicit"
    preamble: bool = True


class Hospital(Strict):
    """One hospital; `backlog` patients are there on the first day, `per_day` come on an average day."""

    id: Slug
    name: str
    city: str
    latitude: float
    longitude: float
    target: int = Field(ge=1)
    backlog: int = Field(ge=0)
    per_day: float = Field(ge=0)
    fleets: tuple[str, ...] = Field(min_length=1)
    results: Literal["seg", "nifti"]
    noise: Noise = "none"
    part: Part = "reports"
    tables: tuple[Table, ...] = ()
    seen_again: float = Field(default=0.88, ge=0, le=1, description="share of patients who come to the follow-up")
    two_way: tuple[str, ...] = Field(default=(), description="outcomes by subgroup that its policy declares")
    exact_progress: bool = Field(default=False, description="whether its protocol obliges it to exact numbers of progress")


class City(Strict):
    """A place for one more hospital."""

    id: Slug
    city: str
    latitude: float
    longitude: float


class Profiles(Strict):
    """The file `hospitals.yaml`."""

    fleets: dict[str, tuple[Device, ...]]
    hospitals: tuple[Hospital, ...]
    cities: tuple[City, ...]

    def devices(self, hospital: Hospital) -> tuple[Device, ...]:
        return tuple(device for fleet in hospital.fleets for device in self.fleets[fleet])

    @property
    def most(self) -> int:
        return len(self.hospitals) + len(self.cities)

    def consortium(self, sites: int, seed: int, size: float = 1.0) -> tuple[Hospital, ...]:
        """The first `sites` hospitals; those beyond the listed ones are drawn, mostly small.

        `size` scales the numbers of patients. Below 8 the scripted hospitals stay as long as they
        can: one that reports, one that never does, one that falls silent, one with a wrong key.
        """
        if not 1 <= sites <= self.most:
            raise ValueError(f"the demo has between 1 and {self.most} hospitals, not {sites}")
        chosen = sorted(self.hospitals, key=_scripted_first)[:sites] if sites < len(self.hospitals) else list(self.hospitals)
        rng = np.random.default_rng([seed, sites])
        chosen += [self._drawn(city, rng) for city in self.cities[: max(0, sites - len(self.hospitals))]]
        return tuple(
            hospital.model_copy(update={"backlog": round(hospital.backlog * size), "per_day": hospital.per_day * size})
            for hospital in chosen
        )

    def _drawn(self, city: City, rng: np.random.Generator) -> Hospital:
        patients = float(np.clip(rng.lognormal(4.2, 0.8), 15, 400))
        return Hospital(
            **city.model_dump(),
            name=f"Klinikum {city.city}",
            target=max(20, round(patients * 1.1 / 10) * 10),
            backlog=round(patients * 0.2),
            per_day=patients * 0.8 / 180,
            fleets=(str(rng.choice(sorted(self.fleets))),),
            results="seg" if rng.random() < 0.5 else "nifti",
            tables=tuple(table for table in get_args(Table) if table not in OF_READERS and rng.random() < 0.5),
        )


def _scripted_first(hospital: Hospital) -> int:
    order = {"never_reports": 1, "falls_silent": 2, "wrong_key": 3, "reports": 4}
    return 0 if hospital.id == "berlin" else order[hospital.part]


def read_profiles() -> Profiles:
    """The profiles that come with the demo."""
    source = files("studyscope_demo") / "hospitals.yaml"
    return parse_yaml(source.read_bytes(), Path("hospitals.yaml"), Profiles)
