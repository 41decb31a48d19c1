"""Segmentation objects written by highdicom, an independent implementation, from masks that a test knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SPACING = (0.8, 0.7)
SLICE_DISTANCE = 2.5
VOXEL_ML = 0.8 * 0.7 * 2.5 / 1000


def ct_slices(count: int, rows: int, columns: int, patient_id: str = "P 1") -> list[Dataset]:
    """Slices of one CT series, thinner (2.0 mm) than they are apart (2.5 mm)."""
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    slices = []
    for index in range(count):
        ds = Dataset()
        ds.file_meta = _meta()
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, generate_uid()
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = study, series, frame
        ds.PatientID, ds.PatientName, ds.PatientBirthDate, ds.PatientSex = patient_id, "Doe^Jane", "19600101", "F"
        ds.StudyID, ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "1", "20250101", "120000", "A1"
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "CT", 1, index + 1
        ds.Manufacturer, ds.ReferringPhysicianName = "Scanner maker", ""
        ds.Rows, ds.Columns, ds.PixelSpacing, ds.SliceThickness = rows, columns, list(SPACING), 2.0
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.ImagePositionPatient = [0.0, 0.0, index * SLICE_DISTANCE]
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.PixelData = bytes(rows * columns * 2)
        slices.append(ds)
    return slices


def _meta() -> Any:
    from pydicom.dataset import FileMetaDataset

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def described(labels: list[str], algorithm_type: str = "AUTOMATIC") -> list[hd.seg.SegmentDescription]:
    algorithm = hd.AlgorithmIdentificationSequence("TotalSegmentator", codes.DCM.ArtificialIntelligence, "2.4.0")
    return [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type=algorithm_type,
            algorithm_identification=None if algorithm_type == "MANUAL" else algorithm,
        )
        for number, label in enumerate(labels, 1)
    ]


def written(path: Path, mask: NDArray[Any], labels: list[str], kind: str = "BINARY", **options: Any) -> Any:
    """Writes `mask` (slices, rows, columns[, segments]) to `path`; gives the data set."""
    source = options.pop("source", None) or ct_slices(mask.shape[0], mask.shape[1], mask.shape[2])
    algorithm_type = options.pop("algorithm_type", "AUTOMATIC")
    segmentation = hd.seg.Segmentation(
        source_images=source,
        pixel_array=mask,
        segmentation_type=kind,
        segment_descriptions=described(labels, algorithm_type),
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Maker",
        manufacturer_model_name="Model",
        software_versions="9.9",
        device_serial_number="1",
        content_label="LABEL",
        **options,
    )
    segmentation.save_as(path)
    return segmentation


def balls(slices: int, rows: int, columns: int, segments: int, seed: int) -> NDArray[np.uint8]:
    """Overlapping random masks, (slices, rows, columns, segments)."""
    random = np.random.default_rng(seed)
    return (random.random((slices, rows, columns, segments)) < 0.2).astype(np.uint8)
