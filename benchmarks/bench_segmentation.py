"""Volumes of a DICOM segmentation against pydicom's pixel_array + sum and against reading the bytes.

The same file, interleaved rounds, medians of processor time; each memory figure is of a process of its own.
Goals: at most 0.5 times the time of pydicom pixel_array + sum (stretch: twice that of reading), at
most twice the file in memory (the interpreter with numpy and pydicom loaded is shown beside it).
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
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from studyscope_exporter.dicom.segmentation import read_segmentation
from studyscope_exporter.pseudonym import Pseudonyms

PSEUDONYMS = Pseudonyms(b"benchmark" * 4)
SIZE = 512


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def write_segmentation(path: Path, slices: int, segments: int, sparse: bool) -> None:
    """Noisy discs, a frame per slice and segment; `sparse` leaves empty ones out, as most writers do."""
    chance = np.random.default_rng(1)
    x, y = np.ogrid[:SIZE, :SIZE]
    frames, packed = [], []
    for segment in range(1, segments + 1):
        low, high = sorted(chance.integers(0, slices, 2))
        for index in range(slices):
            inside = low <= index <= high
            if sparse and not inside:
                continue
            plane = ((x - 256) ** 2 + (y - 30 * segment) ** 2 < 900) & (chance.random((SIZE, SIZE)) < 0.97) & inside
            packed.append(np.packbits(plane, bitorder="little").tobytes())
            frames.append(
                item(
                    FrameContentSequence=[item(DimensionIndexValues=[segment, index + 1])],
                    PlanePositionSequence=[item(ImagePositionPatient=[0.0, 0.0, index * 2.5])],
                    SegmentIdentificationSequence=[item(ReferencedSegmentNumber=segment)],
                    DerivationImageSequence=[
                        item(
                            SourceImageSequence=[
                                item(ReferencedSOPClassUID=CTImageStorage, ReferencedSOPInstanceUID=f"1.2.{index}")
                            ]
                        )
                    ],
                )
            )
    measures = item(PixelSpacing=[0.8, 0.8], SliceThickness=2.5, SpacingBetweenSlices=2.5)
    ds = item(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", SOPInstanceUID="1.2.3.4", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.5",
        PatientID="1", Modality="SEG", SegmentationType="BINARY", Rows=SIZE, Columns=SIZE, NumberOfFrames=len(frames),
        SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", BitsAllocated=1, BitsStored=1, HighBit=0,
        PixelRepresentation=0,
        SegmentSequence=[item(SegmentNumber=number, SegmentLabel=f"S{number}") for number in range(1, segments + 1)],
        SharedFunctionalGroupsSequence=[item(PixelMeasuresSequence=[measures])], PerFrameFunctionalGroupsSequence=frames,
        PixelData=b"".join(packed),
    )  # fmt: skip
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds["PixelData"].VR = "OB"
    ds.save_as(path, enforce_file_format=True)


def ours(path: Path) -> dict[str, float]:
    return {found.structure: found.volume_ml for found in read_segmentation(path, PSEUDONYMS).structures}


def with_pydicom(path: Path) -> dict[str, float]:
    ds = pydicom.dcmread(path)
    per_frame = ds.pixel_array.sum(axis=(1, 2))
    volumes = {f"s{segment.SegmentNumber}": 0.0 for segment in ds.SegmentSequence}
    for frame, voxels in zip(ds.PerFrameFunctionalGroupsSequence, per_frame, strict=True):
        volumes[f"s{frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber}"] += int(voxels) * 0.8 * 0.8 * 2.5 / 1000
    return volumes


def reading(path: Path) -> None:
    path.read_bytes()


def nothing(_: Path) -> None:
    pass


METHODS: dict[str, Callable[[Path], object]] = {
    "studyscope": ours,
    "pydicom pixel_array + sum": with_pydicom,
    "reading the bytes": reading,
}


def peak_megabytes(method: str, path: Path) -> float:
    done = subprocess.run([sys.executable, __file__, "--only", method, str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def compare(path: Path, title: str, rounds: int) -> None:
    truth = with_pydicom(path)
    assert all(abs(volume - truth[name]) < 1e-6 * max(1, truth[name]) for name, volume in ours(path).items())
    seconds: dict[str, list[float]] = {name: [] for name in METHODS}
    for _ in range(rounds):
        for name, method in METHODS.items():
            begin = time.process_time()
            method(path)
            seconds[name].append(time.process_time() - begin)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    megabytes = path.stat().st_size / 1e6
    print(f"\n{title}, {megabytes:.0f} MB, {rounds} rounds; the interpreter alone {peak_megabytes('nothing', path):.0f} MB")
    print(f"{'method':28}{'seconds':>9}{'our ratio':>11}{'goal':>8}{'peak MB':>9}{'goal':>7}")
    time_goals = {"studyscope": "", "pydicom pixel_array + sum": "0.5", "reading the bytes": "(2)"}
    for name, median in medians.items():
        memory_goal = f"{2 * megabytes:.0f}" if name == "studyscope" else ""
        peak = peak_megabytes(name, path)
        print(f"{name:28}{median:9.4f}{medians['studyscope'] / median:11.3f}{time_goals[name]:>8}{peak:9.0f}{memory_goal:>7}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--slices", type=int, default=200)
    arguments.add_argument("--segments", type=int, default=10)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--only", nargs=2, metavar=("METHOD", "PATH"), help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.only:
        (METHODS | {"nothing": nothing})[chosen.only[0]](Path(chosen.only[1]))
        status = Path("/proc/self/status").read_text()  # not ru_maxrss, which a process inherits from the one that started it
        print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        return
    with tempfile.TemporaryDirectory() as folder:
        for sparse in (False, True):
            path = Path(folder) / "segmentation.dcm"
            write_segmentation(path, chosen.slices, chosen.segments, sparse)
            title = f"{chosen.slices} slices x {chosen.segments} segments, {'sparse' if sparse else 'all frames'}"
            compare(path, title, chosen.rounds)


if __name__ == "__main__":
    main()
