"""Reading DICOM headers against the floor of opening each file and reading 64 KiB, and against pydicom.

One list of files, interleaved rounds, medians of processor time, one process, warm. Every value of every 25th file is
compared with pydicom's first. Goals: at most 6 times the floor (4 is the stretch), at least 20 times
as fast as pydicom with stop_before_pixels, no file unread.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
from dicom_tree import write_tree

from studyscope_exporter.dicom.header import HeaderReader
from studyscope_exporter.dicom.tags import WANTED


def floor(paths: list[str]) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.pread(descriptor, 65_536, 0)
        os.close(descriptor)


def ours(paths: list[str]) -> None:
    reader = HeaderReader()
    for path in paths:
        header = reader.read(path)
        assert header.text("SOPInstanceUID")


def walking_only(paths: list[str]) -> None:
    for path in paths:
        HeaderReader().read(path)  # a reader of its own learns nothing


def with_pydicom(paths: list[str]) -> None:
    for path in paths:
        data_set = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        for keyword, _, _ in WANTED:
            data_set.get(keyword)


def compare(paths: list[str]) -> None:
    reader = HeaderReader()
    for at, path in enumerate(paths):
        header = reader.read(path)
        if at % 25 == 24:
            data_set = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            for keyword, tag, _ in WANTED:
                raw = data_set.get_item(tag) if tag in data_set else None
                expected = None if raw is None else (raw.value or b"")
                if isinstance(expected, bytes):
                    assert header.raw(keyword) == expected, keyword
                else:
                    assert (header.text(keyword) is None) == (expected is None), keyword


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--series", type=int, default=40)
    arguments.add_argument("--files", type=int, default=100, help="of each series")
    arguments.add_argument("--rows", type=int, default=64)
    arguments.add_argument("--rounds", type=int, default=5)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_tree(Path(folder), chosen.series, chosen.files, rows=chosen.rows)
        compare(paths)
        some = paths[::10]
        methods: dict[str, tuple[Callable[[list[str]], None], list[str], str]] = {
            "open + pread 64 KiB": (floor, paths, ""),
            "studyscope": (ours, paths, "<= 6 (4)"),
            "studyscope, walk only": (walking_only, paths, ""),
            "pydicom, every 10th file": (with_pydicom, some, ""),
        }
        seconds: dict[str, list[float]] = {name: [] for name in methods}
        for _ in range(chosen.rounds):
            for name, (method, files, _) in methods.items():
                begin = time.process_time()
                method(files)
                seconds[name].append((time.process_time() - begin) / len(files))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"{len(paths)} files in {chosen.series} series, {chosen.rounds} rounds; 0 unread; medians per file")
    print(f"{'method':26}{'us':>9}{'files/s':>10}{'x floor':>9}{'goal':>10}")
    for name, median in medians.items():
        print(
            f"{name:26}{median * 1e6:9.1f}{1 / median:10.0f}{median / medians['open + pread 64 KiB']:9.2f}{methods[name][2]:>10}"
        )
    faster = medians["pydicom, every 10th file"] / medians["studyscope"]
    print(f"{faster:.0f} times as fast as pydicom (goal >= 20)")


if __name__ == "__main__":
    main()
