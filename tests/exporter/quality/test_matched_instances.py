"""Lesions of two readings matched one to one, against trying every pair of parts that scipy finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from studyscope_exporter.quality.instances import matched_instances
from studyscope_exporter.quality.pair import LabelledGrid, agreements

TOUCHING = np.ones((3, 3, 3))


def every_pair(mine: Any, theirs: Any) -> tuple[int, int, list[float]]:
    (one, here), (other, there) = ndimage.label(mine, TOUCHING), ndimage.label(theirs, TOUCHING)
    found = []
    for i in range(1, here + 1):
        for j in range(1, there + 1):
            common, together = np.sum((one == i) & (other == j)), np.sum((one == i) | (other == j))
            if common / together > 0.5:
                found.append(common / together)
    return here, there, found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.sampled_from([0.01, 0.05, 0.4]), changed=st.sampled_from([0.0, 0.1, 0.3]))
def test_matches_are_those_of_trying_every_pair(seed: int, density: float, changed: float) -> None:
    random = np.random.default_rng(seed)
    mine = ndimage.binary_dilation(random.random((9, 10, 11)) < density)
    theirs = mine ^ (ndimage.binary_dilation(mine) & (random.random(mine.shape) < changed))
    theirs = np.roll(theirs, seed % 2, axis=0)

    found = matched_instances(mine, theirs)
    here, there, ious = every_pair(mine, theirs)

    assert (found.result, found.reference, found.matched) == (here, there, len(ious))
    assert found.iou == (pytest.approx(np.mean(ious)) if ious else None)


def lesions(*places: tuple[int, int]) -> Any:
    labels = np.zeros((8, 8, 40), np.uint8)
    for begin, end in places:
        labels[2:5, 2:5, begin:end] = 1
    return LabelledGrid(labels, {"lesion": (1,)})


def test_one_lesion_found_one_missed_and_one_that_is_not_there() -> None:
    (found,) = agreements(lesions((0, 4), (30, 34)), lesions((0, 5), (15, 19)), (1, 1, 1), 1.0, lesions=("lesion",))

    assert (found.instances, found.reference_instances, found.matched_instances) == (2, 2, 1)
    assert found.matched_iou == pytest.approx(4 / 5)
    assert (found.volume_ml, found.reference_ml) == (pytest.approx(0.072), pytest.approx(0.081))


def test_lesions_of_one_reading_only_are_counted_too_and_nothing_is_without_being_asked() -> None:
    (found,) = agreements(lesions(), lesions((0, 4), (9, 12)), (1, 1, 1), 1.0, lesions=("lesion",))
    (unasked,) = agreements(lesions((0, 4)), lesions((0, 4)), (1, 1, 1), 1.0)

    assert (found.instances, found.reference_instances, found.matched_instances, found.matched_iou) == (0, 2, 0, None)
    assert (unasked.instances, unasked.matched_iou) == (None, None)


def test_what_a_swapped_structure_is_called_in_the_other_reading_is_known() -> None:
    liver = np.zeros((8, 8, 8), np.uint8)
    liver[2:6, 2:6, 2:6] = 1
    mine, theirs = LabelledGrid(liver, {"liver": (1,)}), LabelledGrid(liver * 2, {"liver": (1,), "spleen": (2,)})

    found = {one.structure: one for one in agreements(mine, theirs, (1, 1, 1), 1.0)}

    assert (found["liver"].noise, found["liver"].confused_with) == ("label_swap", "spleen")
    assert found["spleen"].confused_with == ""
