"""A second pass over an unchanged tree against the walk that any program needs: scandir and stat.

Interleaved rounds, medians, warm, one process; processor time, as wall time tells
more of the neighbours. Goal: at most 1.25 times the walk, nothing decrypted, nothing read.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from studyscope_exporter.inventory import Inventory, Reading
from studyscope_exporter.inventory.file_scan import FileScan
from studyscope_exporter.sources.source import NoProgress


def write_tree(root: Path, folders: int, files: int) -> None:
    for folder in range(folders):
        leaf = root / f"patient_{folder // 20:05}" / f"1.2.826.0.1.3680043.10.999.{folder:06}"
        leaf.mkdir(parents=True)
        for file in range(files):
            (leaf / f"1.2.826.0.1.3680043.10.999.{folder:06}.{file:04}.dcm").write_bytes(b"x")


def walk(folder: bytes) -> int:
    seen = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                seen += walk(entry.path)
            else:
                entry.stat(follow_symlinks=False)
                seen += 1
    return seen


def nothing_of(paths: tuple[str, ...]) -> list[Reading]:
    return [Reading()] * len(paths)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folders", type=int, default=200)
    arguments.add_argument("--files", type=int, default=250, help="of each folder")
    arguments.add_argument("--rounds", type=int, default=7)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "tree")
        write_tree(root, chosen.folders, chosen.files)
        with Inventory.open(Path(folder, "inventory.sqlite"), key=bytes(32)) as inventory:
            seconds: dict[str, list[float]] = {"scandir + stat": [], "studyscope": []}
            FileScan(inventory, "tree", root, nothing_of, b"1").run(NoProgress())
            for _ in range(chosen.rounds):
                begin = time.process_time()
                seen = walk(os.fsencode(root))
                between = time.process_time()
                result = FileScan(inventory, "tree", root, nothing_of, b"1").run(NoProgress())
                seconds["studyscope"].append(time.process_time() - between)
                seconds["scandir + stat"].append(between - begin)
                assert (result.seen, result.read, result.removed) == (seen, 0, 0)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"{seen} files in {chosen.folders} folders, unchanged; {chosen.rounds} rounds, medians")
    print(f"{'method':18}{'s':>8}{'files/s':>10}{'x walk':>8}{'goal':>9}")
    for name, median in medians.items():
        goal = "<= 1.25" if name == "studyscope" else ""
        print(f"{name:18}{median:8.3f}{seen / median:10.0f}{median / medians['scandir + stat']:8.2f}{goal:>9}")


if __name__ == "__main__":
    main()
