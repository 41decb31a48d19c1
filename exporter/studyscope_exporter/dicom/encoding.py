"""How the elements of a data set are encoded (PS3.5 chapters 7 and 10)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

UNDEFINED = 0xFFFF_FFFF
UNDEFINED_HALF = 0xFFFF

_LONG_VRS = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
"""With two reserved bytes and a length of 32 bits (PS3.5 7.1.2)."""
_SHORT_VRS = tuple("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())  # noqa: SIM905 - one line

NO_VR, SHORT, LONG = 0, 1, 2
DEFLATED = b"1.2.840.10008.1.2.1.99"
DIRECTORY = b"1.2.840.10008.1.3.10"
"""Media Storage Directory Storage: a DICOMDIR (PS3.4 annex I)."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """Implicit or explicit VR, and the byte order.

    Headers are read as four numbers of 16 bits, which costs half of what a VR as bytes costs.
    """

    implicit: bool
    big_endian: bool
    halves: struct.Struct  # group, element, VR and length of 16 bits; or group, element, halves of the length
    length: struct.Struct  # 32 bits
    kind: bytes  # SHORT, LONG or NO_VR by the number of a VR

    def number_of(self, vr: str) -> int:
        """A VR as it is read here."""
        return int.from_bytes(vr.encode(), "big" if self.big_endian else "little")


def _encoding(implicit: bool, big_endian: bool) -> Encoding:
    order = ">" if big_endian else "<"
    kinds = bytearray(0x10000)
    for vrs, kind in ((_SHORT_VRS, SHORT), (_LONG_VRS, LONG)):
        for vr in vrs:
            kinds[int.from_bytes(vr.encode(), "big" if big_endian else "little")] = kind
    return Encoding(implicit, big_endian, struct.Struct(order + "HHHH"), struct.Struct(order + "I"), bytes(kinds))


EXPLICIT = _encoding(False, False)
IMPLICIT = _encoding(True, False)
BIG_ENDIAN = _encoding(False, True)


def encoding_of(transfer_syntax: bytes) -> Encoding:
    """The encoding that a transfer syntax UID stands for; all compressed ones are explicit (PS3.5 A.4)."""
    return {b"1.2.840.10008.1.2": IMPLICIT, b"1.2.840.10008.1.2.2": BIG_ENDIAN}.get(transfer_syntax, EXPLICIT)


def is_vr(two: bytes) -> bool:
    """Whether two bytes are a VR of explicit encodings."""
    return len(two) == 2 and EXPLICIT.kind[two[0] | two[1] << 8] != NO_VR
