"""A first and a repeated pass over an archive, against asking a real Orthanc for the same series and nothing more.

Interleaved rounds, medians, the server on this machine in a network of its own. The floor asks for pages
with the same attributes and parses the JSON. Goals: first pass <= 1.3 times the floor, repeated <= 1.15,
in time on a quiet machine. The processor time is what this side takes, without the server's.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from studyscope_exporter.dicomweb.answer import ASKED_FOR, NUMBER_OF_INSTANCES
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.dicomweb import DicomwebSource, Settings
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import NoProgress

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from orthanc_server import PASSWORD, USER, in_a_network_of_its_own, orthanc, store

PAGE = 200
GOALS = {"first pass": "<= 1.30", "repeated": "<= 1.15"}


def write_series(folder: Path, count: int) -> list[Path]:
    """One image each, two series a study, four a patient."""
    image = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    folder.mkdir()
    paths = []
    for number in range(count):
        if number % 2 == 0:
            image.StudyInstanceUID = generate_uid()
        image.SeriesInstanceUID = generate_uid()
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        image.PatientID = f"P{number // 4}"
        paths.append(folder / f"{number}.dcm")
        pydicom.dcmwrite(paths[-1], image)
    return paths


def asked_alone(url: str, count: int) -> None:
    """Pages of the same attributes, parsed and dropped."""
    seen = 0
    with httpx.Client(auth=(USER, PASSWORD), trust_env=False, timeout=60) as client:
        while True:
            params = {"includefield": [*ASKED_FOR, NUMBER_OF_INSTANCES], "limit": PAGE, "offset": seen}
            page = client.get(f"{url}/series", params=params, headers={"Accept": "application/dicom+json"}).json()
            if not page:
                break
            seen += len(page)
    if seen != count:
        raise SystemExit(f"{seen} of {count} series came back: the pages of this server shift")


Taken = tuple[float, float]
"""Seconds, and seconds of processor time."""


def taken(work: Callable[[], object]) -> Taken:
    begin, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - used


def measured(folder: Path, count: int, rounds: int) -> dict[str, list[Taken]]:
    seconds: dict[str, list[Taken]] = {"asking alone": [], "first pass": [], "repeated": []}
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    with orthanc(folder / "orthanc") as url:
        store(write_series(folder / "files", count))
        login = {"by": "basic", "user": USER, "password": {"file": secret}}
        settings = Settings.model_validate({"name": "pacs", "kind": "dicomweb", "url": url, "login": login, "page": PAGE})
        source = DicomwebSource(settings, SiteContext(Pseudonyms(bytes(32)), lambda: dt.datetime.now(dt.UTC)))
        for number in range(rounds):
            seconds["asking alone"].append(taken(lambda: asked_alone(url, count)))
            with Inventory.open(folder / f"{number}.sqlite", key=bytes(32)) as inventory:
                for name in ("first pass", "repeated"):
                    seconds[name].append(taken(lambda: source.scan(inventory, NoProgress())))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            seconds = in_a_network_of_its_own(lambda: measured(Path(folder), chosen.series, chosen.rounds))
        except pytest.skip.Exception as why:
            print(f"not measured: {why}")
            return
    print(f"{chosen.series} series of a real Orthanc, pages of {PAGE}; {chosen.rounds} rounds, medians")
    print(f"{'method':14}{'s':>8}{'x asking':>10}{'goal':>9}{'processor ms/series':>21}{'x asking':>10}")
    medians = {name: [statistics.median(one) for one in zip(*times, strict=True)] for name, times in seconds.items()}
    for name, (median, used) in medians.items():
        floor, floor_used = medians["asking alone"]
        said = f"{name:14}{median:8.2f}{median / floor:10.2f}{GOALS.get(name, ''):>9}"
        print(f"{said}{1000 * used / chosen.series:21.2f}{used / floor_used:10.2f}")


if __name__ == "__main__":
    main()
