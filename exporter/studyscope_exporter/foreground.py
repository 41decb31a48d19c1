"""The voxels of an image that are no background, found eight bytes at a time.

Images are arrays of 8 or 16 bits, flat in their own order in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PER_WORD = {1: 8, 2: 4}
"""Voxels in eight bytes, by their size: most of an image is background, and eight bytes of it are skipped at once."""


def filled_words(flat: NDArray[Any]) -> NDArray[np.intp]:
    """Numbers of the pieces of eight bytes that hold anything; a shorter rest counts as one more piece."""
    whole = flat.size // PER_WORD[flat.itemsize] * PER_WORD[flat.itemsize]
    filled = np.flatnonzero(flat[:whole].view(np.uint64))
    return np.append(filled, whole // PER_WORD[flat.itemsize]) if flat[whole:].any() else filled


def voxels_in(flat: NDArray[Any], words: NDArray[np.intp], itemsize: int = 0) -> NDArray[Any]:
    """What `flat` holds in those pieces, the rest of an image that is no whole piece padded with zeros."""
    per = PER_WORD[itemsize or flat.itemsize]
    whole = flat.size // per
    found = flat[: whole * per].reshape(whole, per)[words[words < whole]].reshape(-1)
    return np.concatenate([found, flat[whole * per :]]) if words.size and words[-1] >= whole else found


def places_in(size: int, itemsize: int, words: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where in an image of so many voxels those of `voxels_in` are."""
    per = PER_WORD[itemsize]
    whole = size // per
    found = (words[words < whole, None] * per + np.arange(per)).reshape(-1)
    return np.concatenate([found, np.arange(whole * per, size)]) if words.size and words[-1] >= whole else found
