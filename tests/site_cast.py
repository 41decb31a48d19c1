"""Patients of a hospital, as real DICOM files whose names and identifiers must never be seen again."""

from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

CANARY = "Canary^Alice"


def write_patient(folder: Path, number: int, sex: str = "F") -> None:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, generate_uid()
    image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.PatientName, image.PatientID, image.PatientSex, image.PatientAge = CANARY, f"CANARY-{number}", sex, "050Y"
    image.Modality, image.Manufacturer, image.StudyDate = "CT", "SIEMENS", "20260301"
    folder.mkdir(exist_ok=True)
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    pydicom.dcmwrite(folder / f"{CANARY}-{number}.dcm", image, enforce_file_format=True)
