"""What a segmentation of a patient looks like: the truth, and what the algorithm or a reader made of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from studyscope_demo.profiles import Noise
from studyscope_demo.world.anatomy import ADDED, BY_NAME, SHAPE, STRUCTURES, VOXEL_ML, LabelMap, StructureProfile, label_map

LESION_SHARE = 0.6
_ROOM_ML = SHAPE[0] * SHAPE[1] * SHAPE[2] * VOXEL_ML


@dataclass(frozen=True)
class Result:
    """A label map to be written: the structures it names and their volumes in ml, 0 where they are empty.

    The labels of structures that are `confused` change places once everything is drawn.
    """

    volumes_ml: tuple[tuple[str, float], ...]
    shift: tuple[int, int, int] = (0, 0, 0)
    confused: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.volumes_ml)

    @cached_property
    def labels(self) -> LabelMap:
        drawn = label_map({name: volume for name, volume in self.volumes_ml if volume > 0}, self.shift)
        named = np.arange(len(BY_NAME) + 1, dtype=drawn.dtype)
        for pair in self.confused:
            first, second = (BY_NAME[name].label for name in pair)
            named[[first, second]] = named[[second, first]]
        return named[drawn]


def true_volumes(rng: np.random.Generator) -> dict[str, float]:
    """Volumes of one patient in ml; 0 for the lesion of a patient who has none."""
    found = {structure.name: _volume(structure, rng) for structure in STRUCTURES if structure.always}
    for structure in STRUCTURES:
        if not structure.always:
            found[structure.name] = _volume(structure, rng) if rng.random() < LESION_SHARE else 0.0
    scale = min(1.0, 0.9 * _ROOM_ML / sum(found.values()))
    return {name: volume * scale for name, volume in found.items()}


def reader_result(truth: dict[str, float], rng: np.random.Generator) -> Result:
    """What a careful person draws: the truth within a few per cent."""
    return Result(tuple((name, volume * float(rng.uniform(0.96, 1.04))) for name, volume in truth.items()))


def algorithm_result(truth: dict[str, float], noise: Noise, rng: np.random.Generator) -> Result:
    """What the algorithm makes of the truth at a hospital with this noise."""
    found = {name: volume * float(rng.uniform(0.93, 1.07)) for name, volume in truth.items()}
    if rng.random() < 0.015:
        return Result(tuple((name, 0.0) for name in found))
    if rng.random() < 0.03:
        del found[str(rng.choice(sorted(found)))]
    if rng.random() < 0.01:
        found[ADDED.name] = _volume(ADDED, rng)
    return _noisy(found, noise, rng)


def _noisy(found: dict[str, float], noise: Noise, rng: np.random.Generator) -> Result:
    draw, confused = rng.random(2), list[tuple[str, str]]()
    if noise == "contours_off" and draw[0] < 0.55:
        swollen = rng.uniform(1.15, 1.5)
        return Result(tuple((name, volume * float(swollen)) for name, volume in found.items()), (0, 2, 1))
    if noise == "structures_missing":
        for name, share, chance in (("kidney_right", 0.3, draw[0]), ("spleen", 0.12, draw[1])):
            if chance < share:
                found.pop(name, None)
    if noise == "structures_added" and draw[0] < 0.35:
        found[ADDED.name] = _volume(ADDED, rng)
    if noise == "labels_confused":
        for first, second, share, chance in (
            ("liver", "spleen", 0.22, draw[0]),
            ("kidney_left", "lesion", 0.1, draw[1]),
        ):
            if chance < share and first in found and second in found:
                confused.append((first, second))
    return Result(tuple(found.items()), confused=tuple(confused))


def _volume(structure: StructureProfile, rng: np.random.Generator) -> float:
    return float(max(VOXEL_ML, structure.median_ml * np.exp(rng.normal(0, structure.spread))))
