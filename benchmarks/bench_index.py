"""Indexing a DICOM tree from nothing: walk, headers, records in the inventory; against a loop of pydicom and SQLite.

Interleaved rounds, medians of processor time, warm, one process each; the loop over every 10th series.
Goal: at least 10 times as fast.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

import pydicom
from dicom_tree import write_tree

from studyscope_exporter.dicom.tags import WANTED
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.folder import Settings, open_source
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import NoProgress


def ours(root: Path, database: Path) -> int:
    site = SiteContext(Pseudonyms(bytes(32)), lambda: dt.datetime.now(dt.UTC))
    with Inventory.open(database, key=bytes(32)) as inventory:
        source = open_source(Settings(name="tree", kind="folder", path=root), site)
        return source.scan(inventory, NoProgress()).read


def with_pydicom(root: Path, database: Path) -> int:
    db = sqlite3.connect(database)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"CREATE TABLE file (path TEXT PRIMARY KEY, {', '.join(name for name, *_ in WANTED)})")
    insert = f"INSERT INTO file VALUES (?{', ?' * len(WANTED)})"
    read = 0
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            path.stat()
            found = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            values = (found.get(keyword) for keyword, *_ in WANTED)
            db.execute(insert, (str(path), *(None if value is None else str(value) for value in values)))
            read += 1
    db.commit()
    db.close()
    return read


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--series", type=int, default=40)
    arguments.add_argument("--files", type=int, default=100, help="of each series")
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    rates: dict[str, list[float]] = {"studyscope": [], "pydicom + SQLite": []}
    with tempfile.TemporaryDirectory() as folder:
        whole, part = Path(folder, "whole"), Path(folder, "part")
        write_tree(whole, chosen.series, chosen.files)
        write_tree(part, max(chosen.series // 10, 2), chosen.files, seed=8)
        for at in range(chosen.rounds):
            for name, index, root in (("studyscope", ours, whole), ("pydicom + SQLite", with_pydicom, part)):
                begin = time.process_time()
                files = index(root, Path(folder, f"{name} {at}"))
                rates[name].append(files / (time.process_time() - begin))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    print(f"{chosen.series * chosen.files} files in {chosen.series} series, {chosen.rounds} rounds, medians")
    for name, rate in medians.items():
        print(f"{name:18}{rate:8.0f} files/s")
    print(f"{medians['studyscope'] / medians['pydicom + SQLite']:.1f} times as fast (goal >= 10)")


if __name__ == "__main__":
    main()
