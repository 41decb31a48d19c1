"""Dice, surface Dice and HD95 of all structures of a pair of label maps against the same with scipy in boxes.

The same pair, interleaved rounds, medians of processor time; all methods give the same numbers. A floor is reading the two files.
Goal: at most 0.8 times the time of scipy in boxes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_nifti import write_label_map
from numpy.typing import NDArray
from scipy import ndimage

from studyscope_exporter.nifti.voxels import VoxelMap, read_voxels
from studyscope_exporter.quality.pair import LabelledGrid, agreements

TOLERANCE = 2.0
CROSS = ndimage.generate_binary_structure(3, 1)
Measures = dict[int, tuple[float, float, float]]


def ours(pair: tuple[VoxelMap, VoxelMap]) -> Measures:
    grids = [LabelledGrid(one.labels, {str(label): (label,) for label in range(1, 21)}) for one in pair]
    found = agreements(grids[0], grids[1], pair[0].spacing_mm, TOLERANCE)
    return {
        int(one.structure): (one.dice, one.surface_dice, one.hausdorff_mm)
        for one in found
        if one.dice is not None and one.surface_dice is not None and one.hausdorff_mm is not None
    }


def in_boxes(pair: tuple[VoxelMap, VoxelMap]) -> Measures:
    mine, theirs = (one.labels for one in pair)
    boxes = [ndimage.find_objects(one) for one in (mine, theirs)]
    found = {}
    for label, both in enumerate(zip(*boxes, strict=True), 1):
        if None not in both:
            box = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(*both, strict=True))
            found[label] = measured(mine[box] == label, theirs[box] == label, pair[0].spacing_mm)
    return found


def measured(mine: NDArray[Any], theirs: NDArray[Any], spacing: tuple[float, ...]) -> tuple[float, float, float]:
    surfaces = [mask & ~ndimage.binary_erosion(mask, CROSS) for mask in (mine, theirs)]
    to_mine, to_theirs = (ndimage.distance_transform_edt(~one, sampling=spacing) for one in surfaces)
    each = (to_theirs[surfaces[0]], to_mine[surfaces[1]])
    within = sum(int((one <= TOLERANCE + 1e-4).sum()) for one in each) / sum(one.size for one in each)
    overlap = 2.0 * float((mine & theirs).sum()) / float(mine.sum() + theirs.sum())
    return overlap, within, max(float(np.percentile(one, 95)) for one in each)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--slices", type=int, default=100)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pair.nii.gz"
        write_label_map(path, 1, chosen.slices, "uint8")
        one = read_voxels(path)
        moved = np.asfortranarray(np.roll(one.labels, (2, 1, 0), (0, 1, 2)))
        pair = (one, VoxelMap(moved, one.voxel_ml, one.spacing_mm, one.affine, one.names))
        wanted = in_boxes(pair)
        assert ours(pair).keys() == wanted.keys()
        assert all(np.allclose(found, wanted[label], atol=1e-4) for label, found in ours(pair).items())
        seconds: dict[str, list[float]] = {"studyscope": [], "scipy in boxes": [], "reading both": []}
        for _ in range(chosen.rounds):
            for name, work in (("studyscope", ours), ("scipy in boxes", in_boxes)):
                begin = time.process_time()
                work(pair)
                seconds[name].append(time.process_time() - begin)
            begin = time.process_time()
            read_voxels(path), read_voxels(path)
            seconds["reading both"].append(time.process_time() - begin)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"512 x 512 x {chosen.slices}, {len(wanted)} structures, {chosen.rounds} rounds; medians per pair")
    print(f"{'method':22}{'seconds':>9}{'our ratio':>11}{'goal':>8}")
    for name, median in medians.items():
        goal = "0.8" if name == "scipy in boxes" else ""
        print(f"{name:22}{median:9.3f}{medians['studyscope'] / median:11.3f}{goal:>8}")


if __name__ == "__main__":
    main()
