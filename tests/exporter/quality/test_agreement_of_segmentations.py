"""Measures between two segmentations against brute force, scipy and nnU-Net's own numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from studyscope_exporter.quality.noise import Counts, kinds_of_noise
from studyscope_exporter.quality.overlap import dice, intersection_over_union, volume_difference
from studyscope_exporter.quality.pair import LabelledGrid, TooManyLabels, agreements, confusion
from studyscope_exporter.quality.surface import surface, surface_distances

SPACING = (3.0, 0.8, 0.7)


def ball(centre: tuple[float, float, float], radius: float, shape: tuple[int, int, int] = (16, 20, 22)) -> Any:
    grid = np.indices(shape).astype(float)
    return sum((grid[axis] - centre[axis]) ** 2 for axis in range(3)) <= radius**2


def grid(structures: dict[str, int], *masks: Any) -> LabelledGrid:
    labels = np.zeros(masks[0].shape, np.uint16)
    for label, mask in enumerate(masks, 1):
        labels[mask] = label
    return LabelledGrid(labels, {name: (label,) for name, label in structures.items()})


def brute_force(mine: Any, theirs: Any) -> tuple[Any, Any]:
    """Directed distances by every pair of surface voxels, surfaces by scipy's erosion."""
    cross = ndimage.generate_binary_structure(3, 1)
    points = [np.argwhere(mask & ~ndimage.binary_erosion(mask, cross)) * np.array(SPACING) for mask in (mine, theirs)]
    between = cdist(*points)
    return between.min(axis=1), between.min(axis=0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.sampled_from([0.02, 0.3, 0.7]))
def test_surface_distances_are_those_of_brute_force_on_uneven_spacing(seed: int, density: float) -> None:
    random = np.random.default_rng(seed)
    mine, theirs = (random.random((5, 7, 6)) < density for _ in range(2))
    mine[2, 3, 3] = theirs[1, 1, 1] = True

    found = surface_distances(mine, theirs, SPACING)
    forth, back = brute_force(mine, theirs)

    assert np.allclose(np.sort(found.result_to_reference), np.sort(forth), atol=1e-4)
    assert np.allclose(np.sort(found.reference_to_result), np.sort(back), atol=1e-4)
    assert found.hausdorff() == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)), abs=1e-4)
    within = np.count_nonzero(forth <= 2.5001) + np.count_nonzero(back <= 2.5001)
    assert found.surface_dice(2.5) == pytest.approx(within / (forth.size + back.size))


def test_a_voxel_at_the_edge_of_the_image_is_surface_and_one_inside_is_not() -> None:
    full = np.ones((3, 3, 3), bool)

    assert surface(full).sum() == 26
    assert not surface(full)[1, 1, 1]


def test_a_mask_against_itself_agrees_wholly() -> None:
    one = ball((8, 10, 10), 5)

    (found,) = agreements(grid({"liver": 1}, one), grid({"liver": 1}, one), SPACING, 1.0)

    assert (found.dice, found.surface_dice, found.hausdorff_mm, found.volume_difference, found.noise) == (1, 1, 0, 0, "")


def test_measures_in_the_box_of_a_structure_are_those_of_the_whole_image() -> None:
    mine, theirs = ball((8, 9, 9), 3), ball((9, 11, 12), 4)
    forth, back = brute_force(mine, theirs)

    (found,) = agreements(grid({"spleen": 1}, mine), grid({"spleen": 1}, theirs), SPACING, 2.0)

    assert found.hausdorff_mm == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)), abs=1e-4)
    assert found.dice == pytest.approx(2 * (mine & theirs).sum() / (mine.sum() + theirs.sum()))


def test_overlap_equals_what_nnunet_wrote_into_its_summary() -> None:
    summary = json.loads(Path(__file__).with_name("nnunetv2-2.8.1-summary.json").read_text())
    for case in summary["metric_per_case"]:
        for wanted in case["metrics"].values():
            counts = (wanted["TP"], wanted["n_pred"], wanted["n_ref"])
            for measure, name in ((dice, "Dice"), (intersection_over_union, "IoU")):
                found = measure(*counts)
                assert math.isnan(wanted[name]) if found is None else found == pytest.approx(wanted[name], abs=1e-12)


def test_two_empty_masks_have_no_overlap_and_one_empty_mask_has_none_to_measure_by() -> None:
    assert dice(0, 0, 0) is None
    assert dice(0, 5, 0) == 0
    assert intersection_over_union(0, 0, 0) is None
    assert volume_difference(5, 0) is None
    assert volume_difference(90, 110) == pytest.approx(0.2)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_dice_and_iou_say_the_same(both: int, only_mine: int, only_theirs: int) -> None:
    overlap = dice(both, both + only_mine, both + only_theirs)
    jaccard = intersection_over_union(both, both + only_mine, both + only_theirs)

    if overlap is None or jaccard is None:
        assert overlap is jaccard
    else:
        assert jaccard == pytest.approx(overlap / (2 - overlap))


def test_confusion_counts_every_pair_of_labels() -> None:
    random = np.random.default_rng(1)
    mine, theirs = (random.choice(np.array([0, 3, 700], np.uint16), (9, 9, 9)) for _ in range(2))

    found = confusion(mine, theirs)

    for one in (3, 700):
        for other in (3, 700):
            assert found.count([one], [other]) == int(((mine == one) & (theirs == other)).sum())
    assert found.in_result([3, 700, 9]) == int((mine > 0).sum())
    assert found.count([9], [3]) == 0


def test_an_image_taken_for_a_label_map_is_refused_before_it_costs_memory() -> None:
    noisy = np.arange(2048, dtype=np.uint16).reshape(2, 32, 32)

    with pytest.raises(TooManyLabels):
        confusion(noisy, noisy)


def test_every_kind_of_noise_has_its_name() -> None:
    names = {"liver": 1, "spleen": 2, "kidney": 3, "lesion": 4}
    liver, spleen, kidney = ball((8, 6, 6), 4), ball((8, 15, 15), 3), ball((3, 15, 4), 2)
    nothing = np.zeros_like(liver)
    reference = grid(names, liver, spleen, kidney, nothing)
    found = agreements(grid(names, spleen, liver, nothing, ball((13, 3, 17), 2)), reference, (1.0, 1.0, 1.0), tolerance_mm=1.0)

    assert {one.structure: one.noise for one in found} == {
        "liver": "label_swap",
        "spleen": "label_swap",
        "kidney": "missing_structure",
        "lesion": "extra_structure",
    }


@pytest.mark.parametrize(
    ("changed", "noise"),
    [
        (ball((8, 10, 10), 6.2), "over_segmentation"),
        (ball((8, 10, 10), 3.4), "under_segmentation"),
        (ball((8, 12, 10), 5), "boundary_shift"),
        (ball((8, 13, 10), 6.2), "boundary_shift over_segmentation"),
        (ball((8, 10, 10), 5.1), ""),
    ],
)
def test_growth_shrinkage_and_displacement_are_told_apart(changed: Any, noise: str) -> None:
    reference = grid({"liver": 1}, ball((8, 10, 10), 5))

    (found,) = agreements(grid({"liver": 1}, changed), reference, (1.0, 1.0, 1.0), tolerance_mm=1.0)

    assert found.noise == noise


def test_what_lies_within_the_tolerance_is_no_noise() -> None:
    assert kinds_of_noise(Counts(58, 100, 60, {}), hausdorff_mm=1.9, tolerance_mm=2.0) == ()
    assert kinds_of_noise(Counts(58, 100, 60, {}), hausdorff_mm=2.1, tolerance_mm=2.0) == ("over_segmentation",)


def test_a_tumour_within_the_region_of_its_organ_is_no_swap() -> None:
    organ, tumour = ball((8, 10, 10), 5), ball((8, 10, 10), 2)
    labels = np.where(tumour, 2, np.where(organ, 1, 0)).astype(np.uint16)
    one = LabelledGrid(labels, {"organ": (1, 2), "tumour": (2,)})

    assert [found.noise for found in agreements(one, one, SPACING, 1.0)] == ["", ""]
