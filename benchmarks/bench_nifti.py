"""Label volumes of a .nii.gz against nibabel + numpy.bincount and against inflating alone.

The same files, interleaved rounds, medians of processor time; each memory figure is of a process of its own.
Goals: at most 0.45 times the time of nibabel + bincount, 7 times that of inflating, 64 MB.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from studyscope_exporter.nifti.label_map import read_label_map


def write_label_map(path: Path, seed: int, slices: int, dtype: str) -> None:
    """512 x 512 x `slices`, 20 noisy ellipsoids, about 5 % foreground."""
    import nibabel as nib

    chance = np.random.default_rng(seed)
    labels = np.zeros((512, 512, slices), dtype)
    x, y, z = np.ogrid[:512, :512, :slices]
    for label in range(1, 21):
        centre = chance.integers((60, 60, slices // 8), (450, 450, slices - slices // 8))
        radius = chance.integers((20, 20, slices // 16), (55, 55, slices // 6))
        inside = sum(((axis - c) / r) ** 2 for axis, c, r in zip((x, y, z), centre, radius, strict=True)) < 1
        labels[inside] = label
    labels[(labels > 0) & (chance.random(labels.shape) < 0.03)] = 0
    nib.save(nib.Nifti1Image(labels, np.diag([0.8, 0.8, 2.5, 1])), path)  # type: ignore[no-untyped-call]


def ours(path: Path) -> dict[int, int]:
    return read_label_map(path).voxels


def with_nibabel(path: Path) -> dict[int, int]:
    import nibabel as nib  # here, so that the memory of the other methods holds none of it

    image = nib.nifti1.load(path)  # type: ignore[no-untyped-call]
    counts: NDArray[np.int64] = np.bincount(np.asanyarray(image.dataobj).ravel(order="K"))
    return {int(label): int(counts[label]) for label in np.flatnonzero(counts) if label}


def inflating_alone(path: Path) -> None:
    stream = isal_zlib.decompressobj(31)
    rest = path.read_bytes()
    while not stream.eof:
        stream.decompress(rest, 1 << 20)
        rest = stream.unconsumed_tail


METHODS: dict[str, Callable[[Path], object]] = {
    "studyscope": ours,
    "nibabel + bincount": with_nibabel,
    "inflating alone": inflating_alone,
}


def peak_megabytes(method: str, path: Path) -> float:
    done = subprocess.run([sys.executable, __file__, "--only", method, str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--files", type=int, default=3)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--slices", type=int, default=200)
    arguments.add_argument("--dtype", default="uint8")
    arguments.add_argument("--only", nargs=2, metavar=("METHOD", "PATH"), help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.only:
        METHODS[chosen.only[0]](Path(chosen.only[1]))
        status = Path("/proc/self/status").read_text()  # not ru_maxrss, which a process inherits from the one that started it
        print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{seed}.nii.gz" for seed in range(chosen.files)]
        for seed, path in enumerate(paths):
            write_label_map(path, seed, chosen.slices, chosen.dtype)
        assert all(ours(path) == with_nibabel(path) for path in paths)
        seconds: dict[str, list[float]] = {name: [] for name in METHODS}
        for _ in range(chosen.rounds):
            for path in paths:
                for name, method in METHODS.items():
                    begin = time.process_time()
                    method(path)
                    seconds[name].append(time.process_time() - begin)
        medians = {name: statistics.median(times) for name, times in seconds.items()}
        print(f"512 x 512 x {chosen.slices} {chosen.dtype}, {chosen.files} files, {chosen.rounds} rounds; medians per file")
        print(f"{'method':22}{'seconds':>9}{'our ratio':>11}{'goal':>8}{'peak MB':>9}{'goal':>7}")
        goals = {"studyscope": ("", "64"), "nibabel + bincount": ("0.45", ""), "inflating alone": ("7", "")}
        for name, median in medians.items():
            ratio = medians["studyscope"] / median
            time_goal, memory_goal = goals[name]
            print(f"{name:22}{median:9.4f}{ratio:11.3f}{time_goal:>8}{peak_megabytes(name, paths[0]):9.0f}{memory_goal:>7}")


if __name__ == "__main__":
    main()
