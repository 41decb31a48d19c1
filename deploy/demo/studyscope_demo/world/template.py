"""DICOM files in quantity: pydicom writes one of a kind, the others are its bytes with other values.

A thousand files a second would be out of reach if each were encoded anew. A slot is a place of
fixed length for one value; shorter values are padded as PS3.5 6.2 says, so lengths stay true.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from io import BytesIO

import pydicom
from pydicom.dataset import FileDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}

_UID_DIGITS = 38


@cache
def uid(*identity: str) -> str:
    """A UID of 43 characters under 2.25 (PS3.5 B.2); equal parts give the same one."""
    digest = int.from_bytes(blake2b("\0".join(identity).encode(), digest_size=16).digest(), "big")
    return f"2.25.{10 ** (_UID_DIGITS - 1) + digest % (9 * 10 ** (_UID_DIGITS - 1))}"


@dataclass(frozen=True)
class Slot:
    """Where one value stands in the bytes."""

    offsets: tuple[int, ...]
    length: int


@dataclass(frozen=True)
class Template:
    """The bytes of one encoded file and the places of the values that differ from file to file."""

    raw: bytes
    slots: Mapping[str, Slot]
    body: int  # where the data set begins, after the file meta information
    deflated: bool
    preamble: bool

    def filled(self, values: Mapping[str, str | bytes]) -> bytes:
        """A file with `values` in their slots; raises KeyError or ValueError for one that has no place."""
        raw = bytearray(self.raw)
        for name, value in values.items():
            slot = self.slots[name]
            encoded = value if isinstance(value, bytes) else value.encode("latin-1").ljust(slot.length)
            if len(encoded) != slot.length:
                raise ValueError(f"{name} has {len(encoded)} bytes, its place has {slot.length}")
            for offset in slot.offsets:
                raw[offset : offset + slot.length] = encoded
        if self.deflated:
            return bytes(raw[: self.body]) + _deflated(bytes(raw[self.body :]))
        return bytes(raw) if self.preamble else bytes(raw[self.body :])


def _deflated(data: bytes) -> bytes:
    """PS3.5 A.5: a raw deflate stream of even length."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(data) + packer.flush()
    return packed + b"\0" * (len(packed) % 2)


def template(
    dataset: FileDataset, slots: Mapping[str, str | bytes], syntax: str = "explicit", *, preamble: bool = True
) -> Template:
    """`dataset` encoded; `slots` are the values in it that will be replaced, each unlike everything else in it."""
    target = SYNTAXES[syntax]
    # Deflating comes last, so the template itself is always plain.
    plain = ExplicitVRLittleEndian if syntax == "deflated" else target
    dataset.file_meta.TransferSyntaxUID = target
    buffer = BytesIO()
    _write(buffer, dataset, plain)
    raw = buffer.getvalue()
    body = _body(raw)
    places = {}
    for name, value in slots.items():
        wanted = value if isinstance(value, bytes) else value.encode("latin-1")
        offsets = _offsets(raw, wanted)
        if not offsets:
            raise ValueError(f"the value of slot {name} is not in the encoded file")
        places[name] = Slot(offsets, len(wanted))
    return Template(raw, places, body, syntax == "deflated", preamble)


def _write(buffer: BytesIO, dataset: FileDataset, plain: pydicom.uid.UID) -> None:
    """Writes meta information that names the final syntax, and a data set in the plain one."""
    declared = dataset.file_meta.TransferSyntaxUID
    if declared == plain:
        dcmwrite(buffer, dataset, enforce_file_format=True)
        return
    # The UIDs differ in length, so the meta information is written for the declared one.
    whole = BytesIO()
    dcmwrite(whole, dataset, enforce_file_format=True)
    packed = whole.getvalue()
    body = _body(packed)
    buffer.write(packed[:body])
    buffer.write(zlib.decompress(packed[body:], -zlib.MAX_WBITS))


def _body(raw: bytes) -> int:
    """Offset of the data set: preamble, DICM, and the group length (0002,0000) says how much meta follows (PS3.10 7.1)."""
    return 144 + int.from_bytes(raw[140:144], "little")


def _offsets(raw: bytes, wanted: bytes) -> tuple[int, ...]:
    found, at = [], raw.find(wanted)
    while at >= 0:
        found.append(at)
        at = raw.find(wanted, at + len(wanted))
    return tuple(found)
