"""How many voxels carry each label, block by block: memory does not grow with the volume."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.nifti.errors import (
    NEGATIVE_LABELS,
    NOT_LABELS,
    TOO_MANY_LABELS,
    TRUNCATED,
    UnreadableLabelMap,
)
from studyscope_exporter.nifti.header import NiftiHeader
from studyscope_exporter.nifti.stream import SLACK_BYTES, ByteStream, fill

BLOCK_BYTES = 1 << 18  # fits a core's cache with everything made from it
_TABLE_SIZE = 1 << 16  # labels below are counted in a table, rarer higher ones in a dict
MOST_LABELS = 1 << 16


def stored_value_counts(stream: ByteStream, header: NiftiHeader) -> dict[int, int]:
    """Voxels per stored value other than 0; `stream` stands at the image and is read to its end.

    Raises UnreadableLabelMap where values are no whole numbers (NaN included) or negative, or where
    the image is shorter than the header says.
    """
    tally = _Tally()
    view = memoryview(bytearray(BLOCK_BYTES))
    block = np.frombuffer(view, np.uint64)
    left = header.image_bytes
    while left:
        size = min(left, BLOCK_BYTES)
        if fill(stream, view[:size]) < size:
            raise UnreadableLabelMap(TRUNCATED)
        view[size:] = bytes(BLOCK_BYTES - size)  # zeros are background: the rest counts nothing
        tally.add(_foreground(block, header.dtype))
        left -= size
    stream.read(SLACK_BYTES)
    return tally.counts()


def _foreground(block: NDArray[np.uint64], dtype: str) -> NDArray[Any]:
    """The values in the words of `block` that are not all zero, in the machine's byte order.

    Most of a label map is background: dropping empty words first leaves little to count.
    """
    values: NDArray[Any] = block[block != 0].view(dtype)
    if dtype[1] == "f" and values.size:
        whole: NDArray[Any] = np.rint(values)
        if not np.array_equal(whole, values) or np.abs(whole).max() >= 2.0**53:
            raise UnreadableLabelMap(NOT_LABELS)
        values = whole.astype(np.int64)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


class _Tally:
    def __init__(self) -> None:
        self._table = np.zeros(_TABLE_SIZE, np.int64)
        self._high: dict[int, int] = {}

    def add(self, values: NDArray[Any]) -> None:
        if values.size == 0:
            return
        if values.dtype.kind == "i" and values.min() < 0:
            raise UnreadableLabelMap(NEGATIVE_LABELS)
        if values.dtype.itemsize > 2 and values.max() >= _TABLE_SIZE:
            high = values[values >= _TABLE_SIZE]
            self._add_high(high)
            values = values[values < _TABLE_SIZE]
        counts = np.bincount(values)
        self._table[: counts.size] += counts

    def _add_high(self, values: NDArray[Any]) -> None:
        for value, count in zip(*np.unique(values, return_counts=True), strict=True):
            self._high[int(value)] = self._high.get(int(value), 0) + int(count)
        if len(self._high) > MOST_LABELS:
            raise UnreadableLabelMap(TOO_MANY_LABELS)

    def counts(self) -> dict[int, int]:
        present = np.flatnonzero(self._table)
        low = {int(value): int(self._table[value]) for value in present if value}
        return low | self._high
