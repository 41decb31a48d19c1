"""The header of a NIfTI file: what is needed to count labels and nothing else.

Layout as in nifti1.h (348 bytes, magic `n+1`) and nifti2.h (540 bytes, magic `n+2`), either byte order.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from studyscope_exporter.nifti.errors import (
    HEADER_ONLY,
    IMPOSSIBLE_SIZE,
    NO_VOXEL_SIZE,
    NOT_LABELS,
    NOT_NIFTI,
    SEVERAL_VOLUMES,
    TOO_LARGE,
    TRUNCATED,
    UnreadableLabelMap,
)

NIFTI1_BYTES = 348
NIFTI2_BYTES = 540
MOST_IMAGE_BYTES = 1 << 33  # 8 GiB inflated; a whole-body CT at 0.7 mm with int16 labels is 1.5 GB

# NIfTI datatype code -> numpy kind and bytes; complex, RGB and 128-bit types are never labels
_TYPES = {2: "u1", 256: "i1", 4: "i2", 512: "u2", 8: "i4", 768: "u4", 1024: "i8", 1280: "u8", 16: "f4", 64: "f8"}
_UNKNOWN_UNIT_IS_MM = 1.0
_MM_PER_UNIT = {0: _UNKNOWN_UNIT_IS_MM, 1: 1000.0, 2: 1.0, 3: 0.001}  # NIFTI_UNITS_METER, _MM, _MICRON


@dataclass(frozen=True, slots=True)
class NiftiHeader:
    """`dtype` is a numpy text with byte order; `voxel_ml` one voxel's volume; offsets are bytes."""

    header_bytes: int
    byte_order: str  # "<" or ">"
    dtype: str
    voxels: int
    image_offset: int
    voxel_ml: float
    slope: float
    intercept: float
    mm_per_unit: float

    @property
    def image_bytes(self) -> int:
        return self.voxels * int(self.dtype[-1])


@dataclass(frozen=True, slots=True)
class _Fields:
    dim: tuple[int, ...]
    datatype: int
    pixdim: tuple[float, ...]
    image_offset: float
    slope: float
    intercept: float
    units: int
    sform_code: int
    srow: tuple[float, ...]  # 12 values, row by row
    magic: bytes


def parse_header(raw: bytes) -> NiftiHeader:
    """The header in the first bytes of a file (540 suffice); raises UnreadableLabelMap."""
    header_bytes, order = _kind(raw)
    fields = _nifti1(raw, order) if header_bytes == NIFTI1_BYTES else _nifti2(raw, order)
    if fields.magic in (b"ni1\0", b"ni2\0"):
        raise UnreadableLabelMap(HEADER_ONLY)
    if fields.magic not in (b"n+1\0", b"n+2\0"):
        raise UnreadableLabelMap(NOT_NIFTI)
    kind = _TYPES.get(fields.datatype)
    if kind is None:
        raise UnreadableLabelMap(NOT_LABELS)
    voxels = _voxels(fields.dim)
    if voxels * int(kind[-1]) > MOST_IMAGE_BYTES:
        raise UnreadableLabelMap(TOO_LARGE)
    slope, intercept = _scaling(fields)
    offset = _image_offset(fields.image_offset, header_bytes + 4)
    unit = _mm_per_unit(fields)
    return NiftiHeader(header_bytes, order, order + kind, voxels, offset, _voxel_ml(fields, unit), slope, intercept, unit)


def _kind(raw: bytes) -> tuple[int, str]:
    for order in "<>":
        if len(raw) >= 4 and struct.unpack_from(order + "i", raw)[0] in (NIFTI1_BYTES, NIFTI2_BYTES):
            header_bytes: int = struct.unpack_from(order + "i", raw)[0]
            if len(raw) < header_bytes:
                raise UnreadableLabelMap(TRUNCATED)
            return header_bytes, order
    raise UnreadableLabelMap(TRUNCATED if len(raw) < 4 else NOT_NIFTI)


def _nifti1(raw: bytes, order: str) -> _Fields:
    offset, slope, intercept = struct.unpack_from(order + "3f", raw, 108)
    return _Fields(
        dim=struct.unpack_from(order + "8h", raw, 40),
        datatype=struct.unpack_from(order + "h", raw, 70)[0],
        pixdim=struct.unpack_from(order + "8f", raw, 76),
        image_offset=offset,
        slope=slope,
        intercept=intercept,
        units=raw[123],
        sform_code=struct.unpack_from(order + "h", raw, 254)[0],
        srow=struct.unpack_from(order + "12f", raw, 280),
        magic=raw[344:348],
    )


def _nifti2(raw: bytes, order: str) -> _Fields:
    offset, slope, intercept = struct.unpack_from(order + "q2d", raw, 168)
    return _Fields(
        dim=struct.unpack_from(order + "8q", raw, 16),
        datatype=struct.unpack_from(order + "h", raw, 12)[0],
        pixdim=struct.unpack_from(order + "8d", raw, 104),
        image_offset=float(offset),
        slope=slope,
        intercept=intercept,
        units=struct.unpack_from(order + "i", raw, 500)[0],
        sform_code=struct.unpack_from(order + "i", raw, 348)[0],
        srow=struct.unpack_from(order + "12d", raw, 400),
        magic=raw[4:8],
    )


def _voxels(dim: tuple[int, ...]) -> int:
    axes = dim[0]
    if not 1 <= axes <= 7 or any(length < 1 for length in dim[1 : axes + 1]):
        raise UnreadableLabelMap(IMPOSSIBLE_SIZE)
    if any(length != 1 for length in dim[4 : axes + 1]):
        raise UnreadableLabelMap(SEVERAL_VOLUMES)
    return math.prod(dim[1 : min(axes, 3) + 1])


def _image_offset(stated: float, least: int) -> int:
    if not math.isfinite(stated) or stated > MOST_IMAGE_BYTES:
        raise UnreadableLabelMap(IMPOSSIBLE_SIZE)
    return max(int(stated), least)  # writers that leave it 0 put the image right behind the header


def _scaling(fields: _Fields) -> tuple[float, float]:
    """A slope of 0 or none at all means "stored as is" (nifti1.h, DATA SCALING)."""
    if fields.slope == 0.0 or not math.isfinite(fields.slope):
        return 1.0, 0.0
    return fields.slope, fields.intercept if math.isfinite(fields.intercept) else 0.0


def _mm_per_unit(fields: _Fields) -> float:
    return _MM_PER_UNIT.get(fields.units & 0x07, _UNKNOWN_UNIT_IS_MM)


def _voxel_ml(fields: _Fields, unit: float) -> float:
    """From pixdim[1..3]; where one is 0 or no number, from the sform affine's determinant.

    pixdim first, because it is what writers fill in for every method of orientation and what
    nibabel's `get_zooms` and the tools that made the label map report.
    """
    volume = abs(math.prod(fields.pixdim[1:4]))
    if not 0.0 < volume < math.inf and fields.sform_code > 0:
        a, b, c, _, d, e, f, _, g, h, i, _ = fields.srow
        volume = abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
    if not 0.0 < volume < math.inf:
        raise UnreadableLabelMap(NO_VOXEL_SIZE)
    return volume * unit**3 / 1000.0
