"""Writes what happens in one hospital on one day into the hospital's folder."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from studyscope_demo.profiles import Device, Hospital, Table
from studyscope_demo.world.findings import DECISION_TABLE, LANDMARK_TABLE, PHASE_TABLE
from studyscope_demo.world.growing_table import GrowingTable
from studyscope_demo.world.images import ImageKind, image_template
from studyscope_demo.world.jobs import Attempt, InferenceJob, log_lines
from studyscope_demo.world.label_maps import label_map_file
from studyscope_demo.world.patients import Course, Scan, drawn_course
from studyscope_demo.world.readings import Result
from studyscope_demo.world.registers import CLINICAL, LESIONS, ROSTER
from studyscope_demo.world.segments import segmentation_bits, segmentation_template
from studyscope_demo.world.template import uid
from studyscope_demo.world.work import ANNOTATION, ROUNDS_FILE, learning_round

TABLES: Mapping[Table, GrowingTable] = {
    "landmarks": LANDMARK_TABLE,
    "decisions": DECISION_TABLE,
    "clinical": CLINICAL,
    "roster": ROSTER,
    "lesions": LESIONS,
    "annotation": ANNOTATION,
    "phases": PHASE_TABLE,
}


@dataclass
class Written:
    """What has been written so far."""

    patients: int = 0
    files: int = 0


class HospitalDays:
    """One hospital's life. Equal seeds give equal files, whatever the day on which one looks."""

    def __init__(self, hospital: Hospital, devices: tuple[Device, ...], folder: Path, first_day: dt.date, seed: int) -> None:
        self.hospital, self._devices, self._folder, self._first_day = hospital, devices, folder, first_day
        self._seed = [seed, *hospital.id.encode()]
        self._to_do: dict[int, list[Callable[[int], None]]] = defaultdict(list)
        self.written = Written()
        for name in ("dicom", "labels/automatic", "labels/corrected", "readings"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "jobs.jsonl").touch()
        self._tables = {name: table for name, table in TABLES.items() if name in hospital.tables}
        for table in self._tables.values():
            self._append(table.file, table.heading)
        if self._learns:
            self._append(ROUNDS_FILE, "")

    def write_day(self, day: int) -> None:
        """Everything of day number `day`; days come one after the other, from 0."""
        for _ in range(self._arrivals(day)):
            self._plan(self._next_course(day))
        for act in self._to_do.pop(day, ()):
            act(day)
        if self._learns:
            self._append(ROUNDS_FILE, learning_round(day, np.random.default_rng([*self._seed, 3, day])))

    @property
    def _learns(self) -> bool:
        return "learning" in self.hospital.tables

    def _arrivals(self, day: int) -> int:
        rng = np.random.default_rng([*self._seed, 1, day])
        weekday = (self._first_day + dt.timedelta(days=day)).weekday()
        usual = self.hospital.per_day * (0.3 if weekday >= 5 else 1.28)
        return int(rng.poisson(usual)) + (self.hospital.backlog if day == 0 else 0)

    def _next_course(self, day: int) -> Course:
        number = self.written.patients
        self.written.patients += 1
        rng = np.random.default_rng([*self._seed, 2, number])
        return drawn_course(self.hospital, self._devices, number, day, rng)

    def _plan(self, course: Course) -> None:
        self._to_do[course.arrives].append(partial(self._write_images, course))
        if course.seen_again is not None:
            self._to_do[course.read_again_on].append(partial(self._write_follow_up, course))
        for place, table in enumerate(self._tables.values()):
            for when, line in table.lines(course, np.random.default_rng([course.reader_seed, place]), self._first_day):
                self._to_do[when].append(partial(self._write_line, table.file, line))
        for job in course.jobs:
            for attempt in job.attempts:
                self._to_do[attempt.day].append(partial(self._write_job, course, job, attempt))
        if course.segmented_on is None:
            return
        self._to_do[course.segmented_on].append(partial(self._write_result, course, "automatic"))
        if course.reviewed_on is not None:
            self._to_do[course.reviewed_on].append(partial(self._write_result, course, "corrected"))
        if course.read_again:
            self._to_do[course.segmented_on + 2].append(partial(self._write_reading, course))

    def _write_images(self, course: Course, day: int) -> None:
        for series, scan in enumerate(course.scans):
            for instance in range(scan.instances):
                raw = image_template(_kind(course, scan)).filled(self._image_values(course, series, instance))
                self._write(f"{self._day_folder(day)}/{course.patient_id[3:]}{series}{instance}.dcm", raw)

    def _write_follow_up(self, course: Course, day: int) -> None:
        """One image of the first device, in a study of its own."""
        values = self._image_values(course, 0, 0) | self._identity(course, "follow-up", "0", "0")
        values |= {"StudyDate": f"{self._date(course.seen_again or 0):%Y%m%d}"}
        raw = image_template(_kind(course, course.scans[0])).filled(values)
        self._write(f"{self._day_folder(day)}/{course.patient_id[3:]}f.dcm", raw)

    def _write_line(self, file: str, line: str, day: int) -> None:  # noqa: ARG002 - every act is told its day
        self._append(file, line)

    def _append(self, file: str, line: str) -> None:
        """An empty line adds nothing, but the file is there then."""
        with (self._folder / file).open("a", encoding="utf-8") as table:
            table.write(line + "\n" if line else "")

    def _write_result(self, course: Course, state: str, day: int) -> None:
        result = course.result if state == "automatic" else course.reading
        if self.hospital.results == "nifti":
            self._write(f"labels/{state}/{course.patient_id}_abdomen.nii.gz", label_map_file(result.labels, result.names))
            return
        algorithm_type = "AUTOMATIC" if state == "automatic" else "SEMIAUTOMATIC"
        kind = segmentation_template(result.names, algorithm_type, course.scans[0].device.modality)
        raw = kind.filled(self._segmentation_values(course, result, state, day))
        self._write(f"{self._day_folder(day)}/{course.patient_id[3:]}{state[0]}.dcm", raw)

    def _write_reading(self, course: Course, day: int) -> None:  # noqa: ARG002 - every act is told its day
        reading = course.reading
        self._write(f"readings/{course.patient_id}_reader2.nii.gz", label_map_file(reading.labels, reading.names))

    def _write_job(self, course: Course, job: InferenceJob, attempt: Attempt, day: int) -> None:
        midnight = dt.datetime.combine(self._date(day), dt.time(), dt.UTC)
        with (self._folder / "jobs.jsonl").open("a", encoding="utf-8") as log:
            log.writelines(line + "\n" for line in log_lines(job, attempt, course.patient_id, midnight))

    def _image_values(self, course: Course, series: int, instance: int) -> dict[str, str | bytes]:
        scan = course.scans[series]
        values = self._identity(course, "image", str(series), str(instance)) | {
            "StudyDate": f"{self._date(course.acquired):%Y%m%d}",
            "Position": f"{instance * 10:.1f}",
            "InstanceNumber": str(instance + 1),
            "SliceThickness": f"{scan.slice_thickness:g}",
        }
        stated = {"PatientAge": course.age, "BodyPartExamined": scan.body_part, "Manufacturer": scan.manufacturer}
        return values | {name: value for name, value in stated.items() if value}

    def _segmentation_values(self, course: Course, result: Result, state: str, day: int) -> dict[str, str | bytes]:
        return self._identity(course, state, "0", "0") | {
            "StudyDate": f"{self._date(day):%Y%m%d}",
            "SourceSeriesUID": self._uid(course, "image", "series", "0"),
            "SourceInstanceUID": self._uid(course, "image", "instance", "0", "0"),
            "PixelData": segmentation_bits(result.labels, result.names),
        }

    def _identity(self, course: Course, what: str, series: str, instance: str) -> dict[str, str | bytes]:
        return {
            "SOPInstanceUID": self._uid(course, what, "instance", series, instance),
            "SeriesInstanceUID": self._uid(course, what, "series", series),
            "StudyInstanceUID": self._uid(course, "follow-up" if what == "follow-up" else "study"),
            "FrameOfReferenceUID": self._uid(course, "frame of reference"),
            "PatientID": course.patient_id,
            "PatientName": f"Demo^{course.patient_id}",
            "StudyTime": "101500",
            "AccessionNumber": course.patient_id[3:],
        }

    def _uid(self, course: Course, *what: str) -> str:
        return uid(str(self._seed), course.patient_id, *what)

    def _date(self, day: int) -> dt.date:
        return self._first_day + dt.timedelta(days=day)

    def _day_folder(self, day: int) -> str:
        return f"dicom/{self._date(day):%Y-%m/%d}"

    def _write(self, name: str, raw: bytes) -> None:
        path = self._folder / name
        try:
            path.write_bytes(raw)
        except FileNotFoundError:  # the first file of the day
            path.parent.mkdir(parents=True)
            path.write_bytes(raw)
        self.written.files += 1


def _kind(course: Course, scan: Scan) -> ImageKind:
    device = scan.device
    return ImageKind(
        modality=device.modality,
        manufacturer_stated=bool(scan.manufacturer),
        model=device.model,
        body_part_stated=bool(scan.body_part),
        field_strength=device.field_strength,
        sex=course.sex,
        age_stated=bool(course.age),
        syntax=device.syntax,
        preamble=device.preamble,
    )
