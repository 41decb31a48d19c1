"""What the exporter itself takes of a machine: memory, processor time and bytes of each command, and of the service that waits.

    python benchmarks/bench_footprint.py --files 50000 --idle 120

A site is made by `init` over a synthetic tree, its tables are approved, and each command is a process of its own,
measured by wait4(2); the service by /proc while it waits. Bytes a day are the report in the outbox: nothing else is sent.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from dicom_tree import write_tree

from studyscope_contract.keys import SigningKey

FILES_OF_A_SERIES = 100
STUDY = """\
schema: 1
id: liver
title: Liver
version: 1
leads: [{name: L, mail: lead@study.example}]
sites: [{id: berlin, name: Berlin, city: Berlin, latitude: 52.5, longitude: 13.4, member_from: 2020-01-01}]
"""
NOBODY = "http://127.0.0.1:9"
"""A centre that does not answer: what would be sent waits in the outbox."""


@dataclass(frozen=True)
class Site:
    folder: Path

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "studyscope_exporter.cli", "--config", str(self.folder / "site.yaml"), *words]

    def measure(self, *words: str, typed: str = "") -> str:
        process = subprocess.Popen(
            self.command(*words), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdin is not None
        process.stdin.write(typed)
        process.stdin.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = used.ru_utime + used.ru_stime
        return f"{words[0]:<10} {seconds:6.1f} s of processor time, peak memory {used.ru_maxrss / 1024:.0f} MB"

    def waiting(self, seconds: float) -> str:
        """The service once it waits: resident memory, its peak so far, and processor time a minute."""
        with subprocess.Popen(self.command("run"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(20)  # everything is open, and the first look at the centre is over
            before = _ticks(process.pid)
            time.sleep(seconds)
            spent = (_ticks(process.pid) - before) / os.sysconf("SC_CLK_TCK") * 60 / seconds
            resident, peak = (_status(process.pid, name) for name in ("VmRSS", "VmHWM"))
            process.terminate()
        return f"run        {spent:6.2f} s of processor time a minute, {resident:.0f} MB resident, peak {peak:.0f} MB, waiting"

    def bytes_of(self, *patterns: str) -> int:
        return sum(
            path.stat().st_size for pattern in patterns for path in (self.folder / "state").glob(pattern) if path.is_file()
        )


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _status(pid: int, name: str) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1]) / 1024


def site_in(folder: Path, files: int) -> Site:
    write_tree(folder / "archive", max(1, files // FILES_OF_A_SERIES), FILES_OF_A_SERIES, rows=8)
    (folder / "liver.yaml").write_text(STUDY)
    approver = SigningKey.generate()
    approver.save(folder / "approver.pem")
    words = [
        "--study-file",
        str(folder / "liver.yaml"),
        "--site",
        "berlin",
        "--centre",
        NOBODY,
        "--dicom",
        str(folder / "archive"),
    ]
    words += ["--approver", f"D={approver.public.text}", "--state", "state", "--keys", "keys"]
    site = Site(folder)
    subprocess.run(site.command("init", *words), check=True, stdout=subprocess.DEVNULL)
    return site


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--idle", type=float, default=30, help="seconds for which the waiting service is looked at")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = site_in(Path(folder), chosen.files)
        print(f"{chosen.files} files")
        print(site.measure("scan", "--quiet"), "(first)")
        print(site.measure("scan", "--quiet"), "(nothing new)")
        print(site.measure("approve", "--key", f"{folder}/approver.pem", typed="yes\n" * 9))
        print(site.measure("once"))
        print(site.measure("status"))
        print(site.waiting(chosen.idle))
        inventory = site.bytes_of("inventory.sqlite*")
        print(f"inventory  {inventory / chosen.files:6.0f} bytes a file")
        print(f"disk       {site.bytes_of('studies/*/domain/*'):6} bytes of state and ledger of one study")
        print(f"network    {site.bytes_of('studies/*/outbox/**/*'):6} bytes for one report, one a day")


if __name__ == "__main__":
    main()
