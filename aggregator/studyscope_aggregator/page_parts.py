"""A page in parts of which each changes at its own pace: what did not change is neither joined nor compressed again.

The gzip form is one member (RFC 1952) of the parts' deflate streams, each but the last ended by a full flush.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

from isal import isal_zlib

_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class Part:
    """Bytes with what is needed to put their deflated form into one gzip member with other parts'."""

    def __init__(self, plain: bytes, *, last: bool = False) -> None:
        self.plain = plain
        self.crc = isal_zlib.crc32(plain)
        self.samples = plain.count(b"\n") - plain.count(b"\n#") - plain.startswith(b"#")
        deflater = isal_zlib.compressobj(1, wbits=-15)
        self.deflated = deflater.compress(plain) + deflater.flush(isal_zlib.Z_FINISH if last else isal_zlib.Z_FULL_FLUSH)


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
        return sum(len(part.plain) for part in self.parts)

    @cached_property
    def gzip(self) -> bytes:
        crc = self.parts[0].crc
        for part in self.parts[1:]:
            crc = isal_zlib.crc32_combine(crc, part.crc, len(part.plain))
        end = struct.pack("<II", crc, self.size & 0xFFFFFFFF)
        return b"".join((_GZIP_HEADER, *(part.deflated for part in self.parts), end))
