"""A page in parts of which each changes at its own pace: what did not change is neither joined nor compressed again.

A part is kept deflated, as Prometheus asks for it; the gzip form of a page is one member (RFC 1952) of its parts'
deflate streams, each but the last ended by a full flush.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from isal import isal_zlib

_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_NO_HEADER = -15  # a deflate stream alone (RFC 1951)


class Part:
    """Text with what is needed to put its deflated form into one gzip member with other parts'; `size` in bytes, as plain."""

    def __init__(self, pieces: Iterable[bytes], *, last: bool = False) -> None:
        deflater, deflated = isal_zlib.compressobj(1, wbits=_NO_HEADER), list[bytes]()
        self.crc = self.samples = self.size = 0
        for piece in pieces:
            self.crc = isal_zlib.crc32(piece, self.crc)
            self.samples += piece.count(b"\n") - piece.count(b"\n#") - piece.startswith(b"#")
            self.size += len(piece)
            deflated.append(deflater.compress(piece))
        deflated.append(deflater.flush(isal_zlib.Z_FINISH if last else isal_zlib.Z_FULL_FLUSH))
        self.deflated = b"".join(deflated)

    @cached_property
    def plain(self) -> bytes:
        """Kept once somebody has asked for it."""
        return isal_zlib.decompressobj(wbits=_NO_HEADER).decompress(self.deflated)


@dataclass(frozen=True)
class Page:
    """One state of /metrics; the last of its parts was made as the last."""

    parts: tuple[Part, ...]

    @property
    def plain(self) -> bytes:
        return b"".join(part.plain for part in self.parts)

    @property
    def size(self) -> int:
        """Bytes of the plain form."""
        return sum(part.size for part in self.parts)

    @cached_property
    def gzip(self) -> bytes:
        crc = self.parts[0].crc
        for part in self.parts[1:]:
            crc = isal_zlib.crc32_combine(crc, part.crc, part.size)
        end = struct.pack("<II", crc, self.size & 0xFFFFFFFF)
        return b"".join((_GZIP_HEADER, *(part.deflated for part in self.parts), end))
