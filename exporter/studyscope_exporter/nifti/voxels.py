"""The voxels of a label map and where they lie, for what cannot be counted as a stream."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from studyscope_exporter.nifti.errors import (
    NEGATIVE_LABELS,
    NO_VOXEL_SIZE,
    NOT_LABELS,
    TOO_LARGE,
    TOO_MANY_LABELS,
    TRUNCATED,
    UnreadableLabelMap,
)
from studyscope_exporter.nifti.header import NIFTI1_BYTES, NIFTI2_BYTES, NiftiHeader, parse_header
from studyscope_exporter.nifti.label_map import read_to_image
from studyscope_exporter.nifti.label_names import LabelNames
from studyscope_exporter.nifti.stream import ByteStream, fill, inflated

MOST_VOXELS = 1 << 28
"""More are refused (512 x 512 x 1024): two maps then take 1 GiB."""
_BLOCK_VOXELS = 1 << 18
_HIGHEST_LABEL = (1 << 16) - 1


@dataclass(frozen=True)
class VoxelMap:
    """Labels by voxel (Fortran order, as stored; 8 or 16 bits), mm between voxels per axis, and voxel to world in mm."""

    labels: NDArray[Any]
    voxel_ml: float
    spacing_mm: tuple[float, float, float]
    affine: NDArray[np.float64]
    names: LabelNames

    def lies_as(self, other: VoxelMap) -> bool:
        """Whether both have the same grid, to a hundredth of a millimetre."""
        return self.labels.shape == other.labels.shape and np.allclose(self.affine, other.affine, rtol=0, atol=1e-2)


def read_voxels(path: Path) -> VoxelMap:
    """Raises UnreadableLabelMap."""
    with inflated(path) as stream:
        start = stream.read(NIFTI1_BYTES)
        if start[:4] in (NIFTI2_BYTES.to_bytes(4, "little"), NIFTI2_BYTES.to_bytes(4, "big")):
            start += stream.read(NIFTI2_BYTES - NIFTI1_BYTES)
        header = parse_header(start)
        if header.voxels > MOST_VOXELS:
            raise UnreadableLabelMap(TOO_LARGE)
        names = read_to_image(stream, header)
        kind = nibabel.Nifti1Header if header.header_bytes == NIFTI1_BYTES else nibabel.Nifti2Header
        placed: Any = kind.from_fileobj(io.BytesIO(start + bytes(4)), check=False)  # type: ignore[no-untyped-call]
        shape = (*(int(length) for length in placed["dim"][1:4]),)[: int(placed["dim"][0])]
        labels = _labels(stream, header).reshape((*shape, 1, 1)[:3], order="F")
    unit = header.mm_per_unit
    affine = _affine(placed) * np.array([[unit], [unit], [unit], [1.0]])
    return VoxelMap(labels, header.voxel_ml, _spacing(affine), affine, names)


def _affine(placed: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(placed.get_best_affine(), np.float64)
    except (HeaderDataError, ValueError) as error:  # a quaternion that is no rotation
        raise UnreadableLabelMap(NO_VOXEL_SIZE) from error


def _labels(stream: ByteStream, header: NiftiHeader) -> NDArray[Any]:
    """Stored values as labels, block by block, so that wide types need no more memory than narrow ones."""
    if header.dtype[1:] == "u1" and (header.slope, header.intercept) == (1.0, 0.0):
        stored = np.empty(header.voxels, np.uint8)
        if fill(stream, stored.data) < header.voxels:
            raise UnreadableLabelMap(TRUNCATED)
        return stored
    labels = np.empty(header.voxels, np.uint16)
    size = int(header.dtype[-1])
    view = memoryview(bytearray(_BLOCK_VOXELS * size))
    for begin in range(0, header.voxels, _BLOCK_VOXELS):
        count = min(_BLOCK_VOXELS, header.voxels - begin)
        if fill(stream, view[: count * size]) < count * size:
            raise UnreadableLabelMap(TRUNCATED)
        labels[begin : begin + count] = _scaled(np.frombuffer(view[: count * size], header.dtype), header)
    return labels


def _scaled(stored: NDArray[Any], header: NiftiHeader) -> NDArray[Any]:
    values = stored
    if (header.slope, header.intercept) != (1.0, 0.0) or header.dtype[1] == "f":
        values = stored.astype(np.float64) * header.slope + header.intercept
        if not np.array_equal(np.rint(values), values):  # NaN is no label either
            raise UnreadableLabelMap(NOT_LABELS)
    if values.min() < 0:
        raise UnreadableLabelMap(NEGATIVE_LABELS)
    if values.max() > _HIGHEST_LABEL:
        raise UnreadableLabelMap(TOO_MANY_LABELS)
    return values


def _spacing(affine: NDArray[np.float64]) -> tuple[float, float, float]:
    along = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(along) & (along > 0)).all():
        raise UnreadableLabelMap(NO_VOXEL_SIZE)
    return (float(along[0]), float(along[1]), float(along[2]))
