"""One folder's files as the inventory remembers them: read with a single decryption."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

UNREAD = -1
"""A modification time no file has: the file is read in the next pass."""

_HEAD = struct.Struct("<IIQ")


@dataclass(slots=True)
class Listing:
    """Files of one folder: four columns of the same length, in the order of the directory."""

    path: bytes  # of the folder, below the source's root
    names: list[bytes]
    sizes: list[int]
    times: list[int]  # st_mtime_ns, or UNREAD
    numbers: list[int]  # inventory numbers

    def rows(self) -> Iterator[tuple[bytes, int, int, int]]:
        """Name, size, time and number of each file."""
        return zip(self.names, self.sizes, self.times, self.numbers, strict=True)

    def packed(self) -> bytes:
        """As bytes; names of files cannot hold a zero byte."""
        names = b"\0".join(self.names)
        head = _HEAD.pack(len(self.path), len(self.names), len(names))
        columns = array("q", self.sizes) + array("q", self.times) + array("q", self.numbers)
        return head + self.path + names + columns.tobytes()

    @classmethod
    def unpacked(cls, packed: bytes) -> Listing:
        """The listing that `packed` gave."""
        path_bytes, count, name_bytes = _HEAD.unpack_from(packed)
        start = _HEAD.size + path_bytes
        names = packed[start : start + name_bytes].split(b"\0") if count else []
        columns = array("q")
        columns.frombytes(packed[start + name_bytes :])
        numbers = columns.tolist()
        return cls(packed[_HEAD.size : start], names, numbers[:count], numbers[count : 2 * count], numbers[2 * count : 3 * count])
