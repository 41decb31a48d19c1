"""A first and a repeated pass over an archive, against asking a real Orthanc for the same series and nothing more.

Interleaved rounds, medians, the server on this machine in a network of its own. The floor asks for pages
with the same attributes and parses the JSON. Goals: first pass <= 1.3 times the floor, repeated <= 1.15.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import sys
import tempfile
import time
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


def asked_alone(url: str) -> int:
    """Pages of the same attributes, parsed and dropped."""
    seen = 0
    with httpx.Client(auth=(USER, PASSWORD), trust_env=False, timeout=60) as client:
        while True:
            params = {"includefield": [*ASKED_FOR, NUMBER_OF_INSTANCES], "limit": PAGE, "offset": seen}
            page = client.get(f"{url}/series", params=params, headers={"Accept": "application/dicom+json"}).json()
            if not page:
                return seen
            seen += len(page)


def passes(source: DicomwebSource, database: Path) -> list[float]:
    """Seconds of a first and of a repeated pass."""
    seconds = []
    with Inventory.open(database, key=bytes(32)) as inventory:
        for _ in range(2):
            begin = time.perf_counter()
            source.scan(inventory, NoProgress())
            seconds.append(time.perf_counter() - begin)
    return seconds


def measured(folder: Path, count: int, rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {"asking alone": [], "first pass": [], "repeated": []}
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    with orthanc(folder / "orthanc") as url:
        store(write_series(folder / "files", count))
        login = {"by": "basic", "user": USER, "password": {"file": secret}}
        settings = Settings.model_validate({"name": "pacs", "kind": "dicomweb", "url": url, "login": login, "page": PAGE})
        source = DicomwebSource(settings, SiteContext(Pseudonyms(bytes(32)), lambda: dt.datetime.now(dt.UTC)))
        for number in range(rounds):
            begin = time.perf_counter()
            seen = asked_alone(url)
            seconds["asking alone"].append(time.perf_counter() - begin)
            first, repeated = passes(source, folder / f"{number}.sqlite")
            seconds["first pass"].append(first)
            seconds["repeated"].append(repeated)
            if seen != count:
                raise SystemExit(f"{seen} of {count} series came back: the pages of this server shift")
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
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"{chosen.series} series of a real Orthanc, pages of {PAGE}; {chosen.rounds} rounds, medians")
    print(f"{'method':14}{'s':>8}{'ms/series':>11}{'x asking':>10}{'goal':>9}")
    for name, median in medians.items():
        ratio = median / medians["asking alone"]
        print(f"{name:14}{median:8.2f}{1000 * median / chosen.series:11.2f}{ratio:10.2f}{GOALS.get(name, ''):>9}")


if __name__ == "__main__":
    main()
