"""How the elements of a data set are encoded (PS3.5 chapters 7 and 10)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

UNDEFINED = 0xFFFF_FFFF
LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
"""VRs with two reserved bytes and a length of 32 bits (PS3.5 7.1.2)."""
SHORT_VRS = frozenset(
    (
        b"AE",
        b"AS",
        b"AT",
        b"CS",
        b"DA",
        b"DS",
        b"DT",
        b"FD",
        b"FL",
        b"IS",
        b"LO",
        b"LT",
        b"PN",
        b"SH",
        b"SL",
        b"SS",
        b"ST",
        b"TM",
        b"UI",
        b"UL",
        b"US",
    )
)

DEFLATED = b"1.2.840.10008.1.2.1.99"
DIRECTORY = b"1.2.840.10008.1.3.10"
"""Media Storage Directory Storage: a DICOMDIR (PS3.4 annex I)."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Implicit or explicit VR, and the byte order."""

    implicit: bool
    big_endian: bool
    element: struct.Struct  # group, element, VR, length of 16 bits; or group, element, length of 32 bits
    length: struct.Struct


EXPLICIT = Encoding(False, False, struct.Struct("<HH2sH"), struct.Struct("<I"))
IMPLICIT = Encoding(True, False, struct.Struct("<HHI"), struct.Struct("<I"))
BIG_ENDIAN = Encoding(False, True, struct.Struct(">HH2sH"), struct.Struct(">I"))


def encoding_of(transfer_syntax: bytes) -> Encoding:
    """The encoding that a transfer syntax UID stands for; all compressed ones are explicit (PS3.5 A.4)."""
    return {b"1.2.840.10008.1.2": IMPLICIT, b"1.2.840.10008.1.2.2": BIG_ENDIAN}.get(transfer_syntax, EXPLICIT)
