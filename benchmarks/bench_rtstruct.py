"""Volumes of an RT structure set against pydicom's ContourData and against reading the bytes.

10 regions of 200 contours of 120 points; interleaved rounds, medians of processor time. All methods give the same areas.
Goal: at most 0.15 times the time of pydicom's ContourData.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from studyscope_exporter.dicom.rtstruct import RT_STRUCTURE_SET_STORAGE, read_structure_set
from studyscope_exporter.pseudonym import Pseudonyms

PSEUDONYMS = Pseudonyms(b"benchmark" * 4)
DISTANCE = 2.5


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def write_structure_set(path: Path, regions: int, planes: int, corners: int) -> None:
    """Stars with noisy radii, in patient coordinates with two decimals, as planning systems write them."""
    chance = np.random.default_rng(1)
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    drawn = []
    for number in range(1, regions + 1):
        contours = []
        for plane in range(planes):
            radii = 40 + 5 * chance.random(corners)
            points = np.stack([radii * np.cos(angles) - 120, radii * np.sin(angles) + 90, np.full(corners, plane * DISTANCE)], 1)
            data = [f"{value:.2f}" for value in points.reshape(-1)]
            contours.append(item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=corners, ContourData=data))
        drawn.append(item(ReferencedROINumber=number, ContourSequence=contours))
    dataset = item(
        SOPClassUID=RT_STRUCTURE_SET_STORAGE, SOPInstanceUID="1.2.3.4", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.5",
        PatientID="1", Modality="RTSTRUCT", ROIContourSequence=drawn,
        StructureSetROISequence=[item(ROINumber=number, ROIName=f"S{number}") for number in range(1, regions + 1)],
    )  # fmt: skip
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


def ours(path: Path) -> list[float]:
    return [found.volume_ml for found in read_structure_set(path, PSEUDONYMS).structures]


def summed(path: Path, points_of: Callable[[Dataset], np.ndarray]) -> list[float]:
    found = []
    for region in pydicom.dcmread(path).ROIContourSequence:
        area = 0.0
        for contour in region.ContourSequence:
            x, y = points_of(contour).reshape(-1, 3)[:, :2].T
            area += abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
        found.append(area * DISTANCE / 1000)
    return found


def with_pydicom(path: Path) -> list[float]:
    return summed(path, lambda contour: np.array(contour.ContourData, np.float64))


def with_pydicoms_bytes(path: Path) -> list[float]:
    return summed(path, lambda contour: np.array(contour.get_item("ContourData").value.split(b"\\"), np.float64))


def read_bytes(path: Path) -> list[float]:
    path.read_bytes()
    return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    methods = {"pydicom ContourData": with_pydicom, "pydicom, bytes": with_pydicoms_bytes, "ours": ours, "read": read_bytes}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "structures.dcm")
        write_structure_set(path, 10, 200, 120)
        truth = with_pydicom(path)
        times: dict[str, list[float]] = {name: [] for name in methods}
        for _ in range(rounds):
            for name, method in methods.items():
                begin = time.process_time()
                found = method(path)
                times[name].append(time.process_time() - begin)
                assert not found or np.allclose(found, truth, rtol=1e-9), name
        print(f"{path.stat().st_size / 1e6:.1f} MB, 10 regions x 200 contours x 120 points")
    base = statistics.median(times["pydicom ContourData"])
    print(f"{'method':22}{'seconds':>10}{'ratio':>8}   goal")
    for name, taken in times.items():
        goal = "<= 0.15" if name == "ours" else ""
        print(f"{name:22}{statistics.median(taken):10.3f}{statistics.median(taken) / base:8.3f}   {goal}")


if __name__ == "__main__":
    main()
