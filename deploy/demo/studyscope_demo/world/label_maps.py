"""NIfTI label maps with the names of their labels in a header extension, as segmentation tools write them."""

from __future__ import annotations

import gzip
from functools import cache
from xml.sax.saxutils import escape

import nibabel
import numpy as np

from studyscope_demo.world.anatomy import BY_NAME, SPACING_MM, LabelMap

_TEXT_EXTENSION = 6  # nifti1.h: NIFTI_ECODE_COMMENT


def label_map_file(labels: LabelMap, names: tuple[str, ...]) -> bytes:
    """A `.nii.gz` file; `names` are the structures that its label table mentions, also when they are empty."""
    # NIfTI counts columns first, and stores the first index fastest: the array's own byte order.
    return gzip.compress(_header(names) + labels.tobytes(), compresslevel=1, mtime=0)


@cache
def _header(names: tuple[str, ...]) -> bytes:
    """Everything before the voxels, written by nibabel."""
    rows = "".join(f'<Label Key="{BY_NAME[name].label}">{escape(name)}</Label>' for name in names)
    table = f'<?xml version="1.0" encoding="UTF-8"?><CaretExtension><LabelTable>{rows}</LabelTable></CaretExtension>'
    empty = np.zeros((24, 24, 8), dtype=np.uint8)
    image = nibabel.Nifti1Image(empty, np.diag([*SPACING_MM[::-1], 1.0]))  # type: ignore[no-untyped-call]
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(_TEXT_EXTENSION, table.encode()))
    image.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
    whole: bytes = image.to_bytes()
    return whole[: len(whole) - empty.size]
