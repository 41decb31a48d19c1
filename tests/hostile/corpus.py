"""Sound files of every kind that a site may point at, each with the reader that a source uses for it."""

from __future__ import annotations

import datetime as dt
import io
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import openpyxl
import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from studyscope_exporter.dicom.instances import InstanceReader
from studyscope_exporter.dicom.seg_voxels import OtherGrid, read_pair
from studyscope_exporter.dicom.unreadable import Unreadable
from studyscope_exporter.dicomweb.answer import Attributes
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.nifti.errors import UnreadableLabelMap
from studyscope_exporter.nifti.label_map import read_label_map
from studyscope_exporter.nifti.voxels import read_voxels
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.kinds import SiteContext, kinds, open_source
from studyscope_exporter.sources.source import NoProgress, SourceUnavailable
from written_segmentations import balls, ct_slices, written

CANARY = "CANARYDOE"
"""Stands in every name, identifier and text of the sound files; nothing that is printed may hold it."""
PSEUDONYMS = Pseudonyms(bytes(32))
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
Outcome = str
Reader = Callable[[bytes, Path], Outcome]


@dataclass(frozen=True)
class Sound:
    """A file, and what reads it; `read` gives a word for what became of it and raises nothing.

    One that is `added` is drawn by its name, beside the others: so a new kind leaves every file its number.
    """

    name: str
    content: bytes
    read: Reader
    text: bool = False
    added: bool = False


def corpus(folder: Path) -> list[Sound]:
    """Written anew into `folder`."""
    return [*_dicom(folder), *_label_maps(folder), *_tables(), *_added()]


def _dicom(folder: Path) -> list[Sound]:
    slices = ct_slices(4, 12, 12, patient_id=CANARY)
    for image in slices:
        image.PatientName, image.AccessionNumber = f"{CANARY}^Jane", CANARY
    mask, found = balls(4, 12, 12, 2, seed=1), dict[str, Path]()
    for kind, pixels in (("BINARY", mask), ("LABELMAP", mask[..., 0]), ("FRACTIONAL", mask[..., :1].astype(float))):
        labels = ["Liver", "Spleen"][: 2 if kind == "BINARY" else 1]
        found[kind.lower()] = folder / f"{kind}.dcm"
        written(found[kind.lower()], pixels, labels, kind, source=slices)
    found["compressed"] = folder / "compressed.dcm"
    written(found["compressed"], mask[..., :1], ["Liver"], "FRACTIONAL", source=slices, transfer_syntax_uid=RLELossless)
    found["deflated"] = folder / "deflated.dcm"
    deflated = pydicom.dcmread(found["binary"])
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    deflated.save_as(found["deflated"], enforce_file_format=True)
    for name in ("CT_small.dcm", "MR_small_bigendian.dcm", "rtstruct.dcm"):
        found[name] = folder / name
        image = pydicom.dcmread(str(get_testdata_file(name)), force=True)
        image.PatientName = image.PatientID = CANARY
        image.preamble = bytes(128)
        image.save_as(found[name])
    sound = [Sound(f"dicom {name}", path.read_bytes(), _instance) for name, path in found.items()]
    other = folder / "other.dcm"
    shutil.copy(found["binary"], other)

    def pair(raw: bytes, scratch: Path) -> Outcome:
        (scratch / "a.dcm").write_bytes(raw)
        try:
            read_pair(scratch / "a.dcm", other)
        except OtherGrid:
            return "another grid"
        except Unreadable as error:
            return str(error.reason)
        return "read"

    return [*sound, Sound("a pair of segmentations", found["binary"].read_bytes(), pair)]


def _instance(raw: bytes, scratch: Path) -> Outcome:
    path = scratch / "file.dcm"
    path.write_bytes(raw)
    (reading,) = InstanceReader(PSEUDONYMS, frozenset({"liver"}))((str(path),))
    return reading.unreadable or reading.ignored or "read"


def _label_maps(folder: Path) -> list[Sound]:
    labels = np.zeros((12, 10, 8), np.uint8)
    labels[2:9, 2:9, 2:6] = 1
    found = []
    for name, kind, dtype in (("a.nii.gz", nib.Nifti1Image, np.uint8), ("b.nii", nib.Nifti2Image, np.float32)):
        nib.save(kind(labels.astype(dtype), np.eye(4)), folder / name)  # type: ignore[no-untyped-call]
        found.append(Sound(f"NIfTI {name}", (folder / name).read_bytes(), _label_map(name)))
    return found


def _label_map(name: str) -> Reader:
    def read(raw: bytes, scratch: Path) -> Outcome:
        path, outcomes = scratch / name, []
        path.write_bytes(raw)
        for reader in (read_label_map, read_voxels):
            try:
                reader(path)
                outcomes.append("read")
            except UnreadableLabelMap as error:
                outcomes.append(error.reason)
        return " / ".join(outcomes)

    return read


def _tables() -> list[Sound]:
    """Lists that people and tools write, each through its source and into an inventory."""
    link = {"by": "pattern", "pattern": "{PatientID}"}
    job = {"id": CANARY, "workflow": "w", "state": "failed", "message": "out of memory", "started": "2026-05-01T10:00:00Z"}
    case = {"prediction_file": f"{CANARY}.nii.gz", "metrics": {"1": {"Dice": 0.9, "n_pred": 9, "n_ref": float("nan")}}}
    decided = [{"case": CANARY, "predicted": "benign", "score": 0.2, "reference": "malignant"}]
    stated: Sequence[tuple[str, str, dict[str, Any]]] = (
        ("jobs", json.dumps(job) + "\n" + json.dumps(job | {"id": "2", "state": "success"}) + "\n", {}),
        ("jobs", f"id,workflow,state\n{CANARY},w,success\n2,w,failed\n", {"csv": {}}),
        ("consent", f"PatientID,status\n{CANARY},withdrawn\nBen,given\n", {}),
        ("roster", f"PatientID,due\n{CANARY},2026-01-01\nBen,\n", {"columns": {"patient": "PatientID", "due": "due"}}),
        ("tracker", f"PatientID,Segmented\n{CANARY},yes\nBen,2026-01-02\n", {"stages": {"segmented": "Segmented"}}),
        ("clinical", f"PatientID,grade\n{CANARY},2\nBen,\n", {"variables": {"grade": "grade"}}),
        ("lesions", f"PatientID,lesion,date\n{CANARY},a,2026-01-01\n{CANARY},b,2026-03-01\n", {}),
        ("nnunet_summary", json.dumps({"metric_per_case": [case, case | {"prediction_file": "b"}]}), {"link": link}),
        ("landmarks", json.dumps({CANARY: {"nasion": 1.5, "sella": None}}), {"link": link}),
        ("landmarks", f"case,landmark,error_mm\n{CANARY},nasion,1.5\n", {"link": link}),
        ("classification", json.dumps(decided), {"classifier": "triage", "link": link}),
        ("classification", f"case,predicted\n{CANARY},benign\n", {"classifier": "triage", "link": link}),
    )
    sound = [
        Sound(f"{kind} {number}", text.encode(), _source(kind, text, more), text=True)
        for number, (kind, text, more) in enumerate(stated)
    ]
    rows = (["PatientID", "Segmented"], [CANARY, "yes"], ["Ben", NOW.replace(tzinfo=None)])
    tracker = _source("tracker", "", {"stages": {"segmented": "Segmented"}})
    sound.append(Sound("a workbook", _workbook(rows), tracker))
    answer = {"0020000D": {"vr": "UI", "Value": ["1.2.3"]}, "00100010": {"vr": "PN", "Value": [{"Alphabetic": CANARY}]}}
    return [*sound, Sound("an answer of QIDO-RS", json.dumps(answer).encode(), _answer, text=True)]


def _added() -> list[Sound]:
    """Kinds that came later."""
    link = {"by": "pattern", "pattern": "{PatientID}"}
    columns = {"confidence": "sure", "reference": "truth"}
    stated: Sequence[tuple[str, str, str, dict[str, Any]]] = (
        (
            "sequences",
            "sequences",
            f"SeriesInstanceUID,sequence\n1.2.{CANARY},FLAIR\n1.2.3,T1CE\n",
            {"codes": {"T1CE": "t1_contrast"}},
        ),
        (
            "decisions with a confidence",
            "classification",
            f"case,predicted,sure,truth\n{CANARY},portal,0.9,native\nBen,native,,\n",
            {"classifier": "phase", "link": link, "columns": columns},
        ),
    )
    return [Sound(name, text.encode(), _source(kind, text, more), text=True, added=True) for name, kind, text, more in stated]


def _workbook(rows: Sequence[Sequence[object]]) -> bytes:
    book, raw = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(raw)
    return raw.getvalue()


def _source(kind: str, text: str, more: dict[str, Any]) -> Reader:
    suffix = ".json" if text.startswith(("{", "[")) else ".csv"

    def read(raw: bytes, scratch: Path) -> Outcome:
        path = scratch / f"list{suffix}"
        path.write_bytes(raw)
        settings = kinds()[kind].Settings.model_validate({"name": "under-test", "kind": kind, "path": path, **more})
        source = open_source(settings, SiteContext(PSEUDONYMS, lambda: NOW))
        with Inventory.open(scratch / f"{kind}.sqlite", key=bytes(32), now=lambda: NOW) as inventory:
            try:
                result = source.scan(inventory, NoProgress())
            except SourceUnavailable as problem:
                return f"unavailable: {str(problem)[-60:]}" if CANARY in str(problem) else "unavailable"
        return "read" if not result.unreadable else "read in part"

    return read


def _answer(raw: bytes, scratch: Path) -> Outcome:
    del scratch
    try:
        Attributes.parse(json.loads(raw)).uid("StudyInstanceUID")
    except (ValueError, RecursionError):
        return "not JSON"
    except Unreadable as error:
        return str(error.reason)
    return "read"
