"""DICOM segmentation objects (PS3.3 A.51, SegmentationType BINARY) of the demo's algorithm and its reviewers."""

from __future__ import annotations

from functools import cache

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, MRImageStorage, SegmentationStorage

from studyscope_demo.world.anatomy import BY_NAME, SHAPE, SPACING_MM, LabelMap
from studyscope_demo.world.images import IMAGE_SLOTS, new_file
from studyscope_demo.world.template import Template, template, uid

ALGORITHM, VERSION = "abdomen-net", "2.1"

_SLICE_BYTES = SHAPE[1] * SHAPE[2] // 8
_SOURCE = {"SourceSeriesUID": uid("slot", "source series"), "SourceInstanceUID": uid("slot", "source instance")}
_IDENTITY = (
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "PatientID",
    "PatientName",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
)
"""Slots that a segmentation shares with images."""
_ANATOMICAL = ("123037004", "Anatomical Structure")  # PS3.16 CID 7150
_ABNORMAL = ("49755003", "Morphologically Abnormal Structure")
_CODES = {  # SNOMED CT, PS3.16 CID 7166 and CID 7154
    "liver": ("10200004", "Liver"),
    "spleen": ("78961009", "Spleen"),
    "kidney_left": ("18639004", "Left kidney"),
    "kidney_right": ("9846003", "Right kidney"),
    "lesion": ("52988006", "Lesion"),
    "gallbladder": ("28231008", "Gallbladder"),
}


def segmentation_bits(labels: LabelMap, names: tuple[str, ...]) -> bytes:
    """PixelData of a binary object: all slices of the first segment, then of the second, and so on."""
    stacked = np.stack([labels == BY_NAME[name].label for name in names])
    return np.packbits(stacked, axis=None, bitorder="little").tobytes()


@cache
def segmentation_template(names: tuple[str, ...], algorithm_type: str, modality: str) -> Template:
    """Objects with these segments; slots are those of an image, the source's UIDs and `PixelData`."""
    dataset = new_file(SegmentationStorage)
    dataset.PatientSex = ""
    dataset.SeriesInstanceUID = IMAGE_SLOTS["SeriesInstanceUID"]
    _series(dataset)
    _source(dataset, modality)
    _segments(dataset, names, algorithm_type)
    _dimensions(dataset)
    _frames(dataset, names, modality)
    bits = bytes(range(1, 252)) * (1 + len(names) * SHAPE[0] * _SLICE_BYTES // 251)
    dataset.PixelData = bits[: len(names) * SHAPE[0] * _SLICE_BYTES]
    slots: dict[str, str | bytes] = {name: IMAGE_SLOTS[name] for name in _IDENTITY}
    return template(dataset, {**slots, **_SOURCE, "PixelData": dataset.PixelData})


def _series(dataset: Dataset) -> None:
    dataset.Modality = "SEG"
    dataset.SeriesNumber = 300
    dataset.InstanceNumber = 1
    dataset.SeriesDescription = "Abdomen segmentation"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.Manufacturer = "Made-up Imaging Lab"
    dataset.ManufacturerModelName = ALGORITHM
    dataset.DeviceSerialNumber = "1"
    dataset.SoftwareVersions = VERSION
    dataset.ContentLabel, dataset.ContentDescription, dataset.ContentCreatorName = "SEGMENTATION", "", ""
    for keyword in ("SeriesDate", "ContentDate"):
        setattr(dataset, keyword, IMAGE_SLOTS["StudyDate"])
    for keyword in ("SeriesTime", "ContentTime"):
        setattr(dataset, keyword, IMAGE_SLOTS["StudyTime"])
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = SHAPE[1:]
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = dataset.PixelRepresentation = 0
    dataset.LossyImageCompression = "00"
    dataset.SegmentationType = "BINARY"


def _source(dataset: Dataset, modality: str) -> None:
    instance, series = _referenced(modality), Dataset()
    series.SeriesInstanceUID = _SOURCE["SourceSeriesUID"]
    series.ReferencedInstanceSequence = Sequence([instance])
    dataset.ReferencedSeriesSequence = Sequence([series])


def _referenced(modality: str) -> Dataset:
    instance = Dataset()
    instance.ReferencedSOPClassUID = CTImageStorage if modality == "CT" else MRImageStorage
    instance.ReferencedSOPInstanceUID = _SOURCE["SourceInstanceUID"]
    return instance


def _derivation(modality: str) -> Dataset:
    """Which image the frames were made from (PS3.3 C.7.6.16.2.6)."""
    source, derivation = _referenced(modality), Dataset()
    source.PurposeOfReferenceCodeSequence = Sequence([_code("121322", "Source image for image processing operation", "DCM")])
    derivation.SourceImageSequence = Sequence([source])
    derivation.DerivationCodeSequence = Sequence([_code("113076", "Segmentation", "DCM")])
    return derivation


def _segments(dataset: Dataset, names: tuple[str, ...], algorithm_type: str) -> None:
    items = []
    for number, name in enumerate(names, 1):
        item = Dataset()
        item.SegmentNumber = number
        item.SegmentLabel = name
        item.SegmentAlgorithmType = algorithm_type
        item.SegmentAlgorithmName = ALGORITHM
        category = _ABNORMAL if name == "lesion" else _ANATOMICAL
        item.SegmentedPropertyCategoryCodeSequence = Sequence([_code(*category)])
        item.SegmentedPropertyTypeCodeSequence = Sequence([_code(*_CODES[name])])
        items.append(item)
    dataset.SegmentSequence = Sequence(items)


def _code(value: str, meaning: str, scheme: str = "SCT") -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _dimensions(dataset: Dataset) -> None:
    organisation = Dataset()
    organisation.DimensionOrganizationUID = uid("dimension organisation")
    dataset.DimensionOrganizationSequence = Sequence([organisation])
    pointers = ((0x0062000B, 0x0062000A), (0x00200032, 0x00209113))  # segment number, position
    items = []
    for pointer, group in pointers:
        item = Dataset()
        item.DimensionOrganizationUID = organisation.DimensionOrganizationUID
        item.DimensionIndexPointer, item.FunctionalGroupPointer = pointer, group
        items.append(item)
    dataset.DimensionIndexSequence = Sequence(items)


def _frames(dataset: Dataset, names: tuple[str, ...], modality: str) -> None:
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.SliceThickness = measures.SpacingBetweenSlices = SPACING_MM[0]
    measures.PixelSpacing = list(SPACING_MM[1:])
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.DerivationImageSequence = Sequence([_derivation(modality)])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = [_frame(number, plane) for number in range(1, len(names) + 1) for plane in range(SHAPE[0])]
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    dataset.NumberOfFrames = len(frames)


def _frame(number: int, plane: int) -> Dataset:
    frame, content, position, segment = Dataset(), Dataset(), Dataset(), Dataset()
    content.DimensionIndexValues = [number, plane + 1]
    position.ImagePositionPatient = [-120, -120, plane * SPACING_MM[0]]
    segment.ReferencedSegmentNumber = number
    frame.FrameContentSequence = Sequence([content])
    frame.PlanePositionSequence = Sequence([position])
    frame.SegmentIdentificationSequence = Sequence([segment])
    return frame
