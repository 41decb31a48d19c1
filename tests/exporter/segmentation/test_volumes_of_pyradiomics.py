"""Label maps of pyradiomics' own cases have the volumes that its baseline states."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from registry_files import source_package
from studyscope_exporter.nifti.label_map import read_label_map

CASES = ("brain1", "brain2", "breast1", "lung1", "lung2")
VOLUME = "original_shape_VoxelVolume"
Array = np.ndarray[Any, Any]


def nrrd(path: Path) -> tuple[Array, Array]:
    """Voxels, and the edges of one in mm; NRRD0004 with gzip, as these files are."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    kinds = {"unsigned char": "u1", "short": "<i2", "unsigned short": "<u2", "int": "<i4"}
    sizes = [int(size) for size in fields["sizes"].split()]
    edges = [[float(number) for number in one.strip("()").split(",")] for one in fields["space directions"].split()]
    return np.frombuffer(gzip.decompress(body), kinds[fields["type"]]).reshape(sizes, order="F"), np.array(edges)


@pytest.mark.parametrize("case", CASES)
def test_a_label_map_has_the_volume_that_pyradiomics_states(case: str, tmp_path: Path) -> None:
    data = source_package("pyradiomics", "3.0.1", "/data/", isolated=False) / "data"
    with (data / "baseline" / "baseline_shape.csv").open(newline="") as file:
        (stated,) = [float(row[case]) for row in csv.DictReader(file) if row["featureName"] == VOLUME]
    voxels, edges = nrrd(data / f"{case}_label.nrrd")
    affine = np.eye(4)
    affine[:3, :3] = edges.T
    nib.save(nib.Nifti1Image((voxels == 1).astype(np.uint8), affine), tmp_path / "label.nii.gz")

    found = read_label_map(tmp_path / "label.nii.gz")

    assert found.voxels[1] * found.voxel_ml * 1000 == pytest.approx(stated, rel=1e-6)  # mm³
