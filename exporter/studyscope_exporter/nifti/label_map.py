"""A label map: voxels per label, the volume of a voxel, and the names the file itself gives its labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studyscope_exporter.nifti.counting import stored_value_counts
from studyscope_exporter.nifti.errors import NEGATIVE_LABELS, NOT_LABELS, UnreadableLabelMap
from studyscope_exporter.nifti.header import NIFTI1_BYTES, NIFTI2_BYTES, NiftiHeader, parse_header
from studyscope_exporter.nifti.label_names import LabelNames, names_in_extensions
from studyscope_exporter.nifti.stream import ByteStream, inflated, skip

MOST_EXTENSION_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class LabelMap:
    """`voxels` holds labels other than 0 only; `names` is empty where the file names none."""

    voxels: dict[int, int]
    voxel_ml: float
    names: LabelNames


def read_label_map(path: Path) -> LabelMap:
    """Counts the labels of a `.nii` or `.nii.gz` file as a stream (below 64 MB whatever its size).

    Raises UnreadableLabelMap. A slope and intercept in the header are honoured where they turn the
    stored whole numbers into whole numbers; otherwise the file is no label map.
    """
    with inflated(path) as stream:
        start = stream.read(NIFTI1_BYTES)
        if start[:4] in (NIFTI2_BYTES.to_bytes(4, "little"), NIFTI2_BYTES.to_bytes(4, "big")):
            start += stream.read(NIFTI2_BYTES - NIFTI1_BYTES)
        header = parse_header(start)
        names = read_to_image(stream, header)
        stored = stored_value_counts(stream, header)
    return LabelMap(_scaled(stored, header), header.voxel_ml, names)


def read_to_image(stream: ByteStream, header: NiftiHeader) -> LabelNames:
    """Reads what lies between header and image; gives the names of labels that it holds."""
    gap = header.image_offset - header.header_bytes
    if gap > MOST_EXTENSION_BYTES:
        skip(stream, gap)
        return LabelNames()
    block = stream.read(gap)
    if len(block) < gap:
        skip(stream, gap - len(block))
    return names_in_extensions(block, header.byte_order)


def _scaled(stored: dict[int, int], header: NiftiHeader) -> dict[int, int]:
    if (header.slope, header.intercept) == (1.0, 0.0):
        return stored
    background = header.voxels - sum(stored.values())
    voxels: dict[int, int] = {}
    for value, count in [(0, background), *stored.items()]:
        label = value * header.slope + header.intercept
        if count and not label.is_integer():
            raise UnreadableLabelMap(NOT_LABELS)
        if count and label < 0:
            raise UnreadableLabelMap(NEGATIVE_LABELS)
        if count and label:
            voxels[int(label)] = voxels.get(int(label), 0) + count
    return voxels
