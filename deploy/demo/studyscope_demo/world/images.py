"""CT and MR images of made-up patients: valid for their information object (PS3.3 A.3, A.4), 16 x 16 pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from studyscope_demo.world.template import Template, template, uid

SIDE = 16

IMAGE_SLOTS: dict[str, str] = {
    "SOPInstanceUID": uid("slot", "instance"),
    "SeriesInstanceUID": uid("slot", "series"),
    "StudyInstanceUID": uid("slot", "study"),
    "FrameOfReferenceUID": uid("slot", "frame of reference"),
    "PatientID": "~PATIENT~ID~",
    "PatientName": "~FAMILY~NAME~^~GIVEN~~",
    "PatientAge": "987Y",
    "StudyDate": "17890714",
    "StudyTime": "012345",
    "AccessionNumber": "~ACCESSION~~",
    "Position": "-98765.4",
    "InstanceNumber": "-31415",
    "SliceThickness": "-27182.8",
    "Manufacturer": "~MANUFACTURER~SLOT~24~~~",
    "BodyPartExamined": "BODY PART SLOT 1",  # a slot, because what hospitals write here is often no valid CS
}
"""The values that differ between files of one template, as they stand in the template."""


@dataclass(frozen=True)
class ImageKind:
    """What a template of images is made from; texts as the scanner writes them."""

    modality: str
    manufacturer_stated: bool
    model: str
    body_part_stated: bool
    field_strength: float | None
    sex: str
    age_stated: bool
    syntax: str
    preamble: bool


@cache
def image_template(kind: ImageKind) -> Template:
    """The template of `kind`; made once."""
    dataset = new_file(CTImageStorage if kind.modality == "CT" else MRImageStorage)
    _patient_and_study(dataset, kind)
    _equipment(dataset, kind)
    _geometry(dataset)
    _pixels(dataset)
    (_ct if kind.modality == "CT" else _mr)(dataset, kind)
    stated = {
        "PatientAge": kind.age_stated,
        "BodyPartExamined": kind.body_part_stated,
        "Manufacturer": kind.manufacturer_stated,
    }
    slots = {name: value for name, value in IMAGE_SLOTS.items() if stated.get(name, True)}
    return template(dataset, slots, kind.syntax, preamble=kind.preamble)


def new_file(sop_class: str) -> FileDataset:
    """An empty object of the class, with the slots of identity filled in."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(IMAGE_SLOTS["SOPInstanceUID"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = sop_class
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "StudyDate", "StudyTime"):
        setattr(dataset, keyword, IMAGE_SLOTS[keyword])
    for keyword in ("PatientID", "PatientName", "AccessionNumber"):
        setattr(dataset, keyword, IMAGE_SLOTS[keyword])
    dataset.PatientBirthDate = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.PositionReferenceIndicator = ""
    return dataset


def _patient_and_study(dataset: Dataset, kind: ImageKind) -> None:
    dataset.PatientSex = kind.sex
    if kind.age_stated:
        dataset.PatientAge = IMAGE_SLOTS["PatientAge"]
    dataset.StudyDescription = "Abdomen"
    dataset.SeriesInstanceUID = IMAGE_SLOTS["SeriesInstanceUID"]
    dataset.Modality = kind.modality
    dataset.SeriesNumber = 2
    for keyword in ("SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(dataset, keyword, IMAGE_SLOTS["StudyDate"])
    for keyword in ("SeriesTime", "AcquisitionTime", "ContentTime"):
        setattr(dataset, keyword, IMAGE_SLOTS["StudyTime"])
    dataset.InstanceNumber = IMAGE_SLOTS["InstanceNumber"]
    dataset.AcquisitionNumber = 1


def _equipment(dataset: Dataset, kind: ImageKind) -> None:
    dataset.Manufacturer = IMAGE_SLOTS["Manufacturer"] if kind.manufacturer_stated else ""
    dataset.ManufacturerModelName = kind.model
    dataset.BodyPartExamined = IMAGE_SLOTS["BodyPartExamined"] if kind.body_part_stated else ""
    dataset.PatientPosition = "HFS"
    dataset.ProtocolName = "portal venous" if kind.modality == "CT" else "t1 vibe fs"
    dataset.SeriesDescription = dataset.ProtocolName
    block = dataset.private_block(0x0029, "DEMO SCANNER", create=True)
    block.add_new(0x10, "LO", "service 12.4")


def _geometry(dataset: Dataset) -> None:
    dataset.SliceThickness = IMAGE_SLOTS["SliceThickness"]
    dataset.PixelSpacing = [15, 15]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [-120, -120, IMAGE_SLOTS["Position"]]
    dataset.SliceLocation = IMAGE_SLOTS["Position"]


def _pixels(dataset: Dataset) -> None:
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    body = np.where((x / 1.2) ** 2 + y**2 < 40, 1064, 24).astype("<u2")
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows = dataset.Columns = SIDE
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = body.tobytes()


def _ct(dataset: Dataset, kind: ImageKind) -> None:  # noqa: ARG001 - the two kinds are called alike
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 1
    dataset.RescaleType = "HU"
    dataset.BurnedInAnnotation = "NO"
    dataset.PatientIdentityRemoved = "NO"
    dataset.KVP = 120
    dataset.ContrastBolusAgent = "iodinated"


def _mr(dataset: Dataset, kind: ImageKind) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "GR", "SP", ""
    dataset.MRAcquisitionType = "2D"
    dataset.RepetitionTime, dataset.EchoTime, dataset.EchoTrainLength = 4.2, 1.9, 1
    if kind.field_strength is not None:
        dataset.MagneticFieldStrength = kind.field_strength
