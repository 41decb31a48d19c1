"""One site's lines of /metrics, kept compressed: a thousand sites in five studies have a hundred megabytes of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

from isal import isal_zlib


class PackedLines:
    """The lines of each family under its name; most sites have the same families, whose names are kept once."""

    __slots__ = ("_compressed", "_ends", "_places")

    def __init__(self, lines: Mapping[str, bytes]) -> None:
        self._places = _places(tuple(lines))
        self._ends = array("I", accumulate(map(len, lines.values()), initial=0))
        self._compressed = isal_zlib.compress(b"".join(lines.values()), 1)

    @property
    def size(self) -> int:
        """Bytes of the lines of all families."""
        return self._ends[-1]

    def unpacked(self) -> bytes:
        """The lines of all families."""
        return isal_zlib.decompress(self._compressed)

    def where(self, name: str) -> slice:
        """Where those of one family are in what is unpacked; an empty place where it has none."""
        place = self._places.get(name)
        return slice(0, 0) if place is None else slice(self._ends[place], self._ends[place + 1])


def by_family(packed: Sequence[PackedLines], names: Sequence[str], headers: Mapping[str, bytes]) -> Iterator[bytes]:
    """The families in the order of `names`, each with its header once and everybody's lines after it."""
    begins = list(accumulate((each.size for each in packed), initial=0))
    # One buffer: thousands of pieces would leave holes in the process's memory when they go.
    unpacked = memoryview(bytearray(begins[-1]))
    for each, begin in zip(packed, begins, strict=False):
        unpacked[begin : begin + each.size] = each.unpacked()
    for name in names:
        places = ((begin, each.where(name)) for each, begin in zip(packed, begins, strict=False))
        lines = b"".join([unpacked[begin + at.start : begin + at.stop] for begin, at in places])
        if lines:
            yield headers[name] + lines


@lru_cache(maxsize=1000)
def _places(names: tuple[str, ...]) -> Mapping[str, int]:
    return {name: place for place, name in enumerate(names)}
