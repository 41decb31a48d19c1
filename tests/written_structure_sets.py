"""RT structure sets written by pydicom from polygons that a test knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from studyscope_exporter.dicom.rtstruct import RT_STRUCTURE_SET_STORAGE

Polygon = list[tuple[float, float]]


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def square(side: float, x: float = 0.0, y: float = 0.0) -> Polygon:
    half = side / 2
    return [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]


def at(height: float, polygon: Polygon) -> list[float]:
    return [number for x, y in polygon for number in (x, y, height)]


def contour(points: list[float], kind: str = "CLOSED_PLANAR", **other: object) -> Dataset:
    texts = [f"{point:.6g}" if abs(point) < 1e5 else f"{point:.10g}" for point in points]
    return item(ContourGeometricType=kind, NumberOfContourPoints=len(points) // 3, ContourData=texts, **other)


def structure_set(
    path: Path, regions: dict[str, list[Dataset]], syntax: Any = ExplicitVRLittleEndian, made: str = "AUTOMATIC", **other: Any
) -> Path:
    series = item(SeriesInstanceUID="1.2.77")
    study = item(ReferencedSOPInstanceUID="1.2.3", RTReferencedSeriesSequence=[series])
    dataset = item(
        SOPClassUID=RT_STRUCTURE_SET_STORAGE,
        SOPInstanceUID=generate_uid(),
        StudyInstanceUID="1.2.3",
        SeriesInstanceUID="1.2.4",
        Modality="RTSTRUCT",
        PatientID="P1",
        PatientName="Doe^Jane",
        ManufacturerModelName="Contour Maker",
        SoftwareVersions="3.1",
        ReferencedFrameOfReferenceSequence=[item(FrameOfReferenceUID="1.2.5", RTReferencedStudySequence=[study])],
        StructureSetROISequence=[
            item(ROINumber=number, ROIName=name, ROIGenerationAlgorithm=made) for number, name in enumerate(regions, 1)
        ],
        ROIContourSequence=[
            item(ReferencedROINumber=number, ContourSequence=contours)
            for number, contours in enumerate(regions.values(), 1)
            if contours
        ],
    )
    for keyword, value in other.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path, enforce_file_format=True)
    return path
