"""Images and segmentations of a few patients, as files that an archive or a folder may hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.data import get_testdata_file

from written_segmentations import ct_slices, written


def write_archive(folder: Path) -> None:
    """Two CT series with a segmentation each, an MR and a CT image of pydicom's, a series without a patient."""
    folder.mkdir(parents=True)
    for number in (1, 2):
        images = ct_slices(3, 8, 8, patient_id=f"CANARY-{number}")
        for index, image in enumerate(images):
            image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
            pydicom.dcmwrite(folder / f"ct-{number}-{index}.dcm", image, enforce_file_format=True)
        mask = np.zeros((3, 8, 8), np.uint8)
        mask[:, :number, :] = 1
        written(folder / f"seg-{number}.dcm", mask, ["Liver"], source=images)
    for name in ("CT_small.dcm", "MR_small.dcm"):
        image = pydicom.dcmread(str(get_testdata_file(name)))
        if image.Modality == "MR":
            image.MagneticFieldStrength = "1.5"
        pydicom.dcmwrite(folder / name, image)
    image.PatientID, image.SeriesInstanceUID, image.SOPInstanceUID = "", "1.2.3.4", "1.2.3.4.5"
    pydicom.dcmwrite(folder / "nobody.dcm", image)
