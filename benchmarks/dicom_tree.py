"""A tree of synthetic DICOM files with headers as large and as nested as those of scanners.

159 to 175 top-level elements, private groups 0009, 0019, 0021, 0029 and 0043, five sequences before
PixelSpacing (in 40 % of the series of undefined length), a block of 2 KB (in 2 % of the series 96 KB)
in 0029. 80.5 % explicit, 13.5 % implicit, 5 % deflated, 1 % without preamble and file meta. Between
the files of a series everything differs that differs between real slices: instance UID, times,
position and its number of digits, window, private counters.
"""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

_LONG = {"OB", "OW", "SQ", "UN", "UT"}
EXPLICIT, IMPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"
Element = tuple[int, str, bytes]


def write_tree(root: Path, series: int, files: int, *, rows: int = 64, seed: int = 7) -> list[str]:
    """Writes `series` folders of `files` files each, and gives all paths in the order of the folders."""
    paths = []
    chance = random.Random(seed)
    for number in range(series):
        folder = root / f"patient_{number // 4:04}" / f"series_{number:05}"
        folder.mkdir(parents=True)
        of_series = _Series(chance, number, rows)
        for slice_number in range(files):
            path = folder / f"{slice_number:05}.dcm"
            path.write_bytes(of_series.file(slice_number))
            paths.append(str(path))
    return paths


class _Series:
    def __init__(self, chance: random.Random, number: int, rows: int) -> None:
        self.chance = chance
        self.kind = _kind(number)
        self.undefined = chance.random() < 0.4
        self.uid = f"1.2.826.0.1.3680043.10.999.{number}"
        self.rows = rows
        self.implicit = self.kind == IMPLICIT
        self.pixels = chance.randbytes(rows * rows * 2)
        self.blob = chance.randbytes(96_000 if number % 50 == 49 else 2_000)
        self.fixed = self._of_the_series(number)

    def file(self, slice_number: int) -> bytes:
        elements = sorted(self.fixed + self._of_the_slice(slice_number))
        body = b"".join(encoded(*element, implicit=self.implicit) for element in elements)
        if self.kind == "bare":
            return body
        meta = [
            (0x0002_0001, "OB", b"\0\1"),
            (0x0002_0002, "UI", b"1.2.840.10008.5.1.4.1.1.4"),
            (0x0002_0003, "UI", f"{self.uid}.{slice_number}".encode()),
            (0x0002_0010, "UI", self.kind.encode()),
            (0x0002_0012, "UI", b"1.2.826.0.1.3680043.10.999"),
            (0x0002_0013, "SH", b"BENCH"),
        ]
        head = b"".join(encoded(*element) for element in meta)
        if self.kind == DEFLATED:
            deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
            body = deflate.compress(body) + deflate.flush()
        return bytes(128) + b"DICM" + encoded(0x0002_0000, "UL", struct.pack("<I", len(head))) + head + body

    def _of_the_slice(self, number: int) -> list[Element]:
        place = -123.456 + 1.25 * number
        time = f"{8 + number // 60:02}{number % 60:02}12.{self.chance.randrange(10**6):06}".encode()
        return [
            (0x0008_0018, "UI", f"{self.uid}.{number}".encode()),
            (0x0008_0032, "TM", time),
            (0x0008_0033, "TM", time),
            (0x0019_1015, "DS", f"{place:.3f}".encode()),
            (0x0020_0013, "IS", str(number).encode()),
            (0x0020_0032, "DS", f"-120.5\\{place:.6g}\\{place / 3:.6g}".encode()),
            (0x0020_1041, "DS", f"{place:.6g}".encode()),
            (0x0021_1001, "UN", struct.pack("<I", number)),
            (0x0028_0106, "US", struct.pack("<H", number % 17)),
            (0x0028_0107, "US", struct.pack("<H", 900 + number % 31)),
            (0x0028_1050, "DS", str(400 + number % 211).encode()),
            (0x0029_1020, "OB", self.blob),
            (0x7FE0_0010, "OW", self.pixels),
        ]

    def _of_the_series(self, number: int) -> list[Element]:
        chance, rows = self.chance, struct.pack("<H", self.rows)
        texts: list[tuple[int, str, str]] = [
            (0x0008_0005, "CS", "ISO_IR 100"),
            (0x0008_0008, "CS", "ORIGINAL\\PRIMARY\\M"),
            (0x0008_0016, "UI", "1.2.840.10008.5.1.4.1.1.4"),
            (0x0008_0020, "DA", f"2024{1 + number % 12:02}17"),
            (0x0008_0021, "DA", "20240117"),
            (0x0008_0022, "DA", "20240117"),
            (0x0008_0023, "DA", "20240117"),
            (0x0008_0030, "TM", "101112.3"),
            (0x0008_0031, "TM", "101212"),
            (0x0008_0050, "SH", f"A{number}"),
            (0x0008_0060, "CS", chance.choice(("MR", "CT"))),
            (0x0008_0070, "LO", chance.choice(("SIEMENS", "GE MEDICAL SYSTEMS", "Philips"))),
            (0x0008_0080, "LO", "Clinic"),
            (0x0008_0090, "PN", "Doe^John"),
            (0x0008_1010, "SH", "ST1"),
            (0x0008_1030, "LO", "Brain routine"),
            (0x0008_103E, "LO", f"t1_mprage_{number % 7}"),
            (0x0008_1090, "LO", "Model" * (1 + number % 3)),
            (0x0010_0010, "PN", f"Patient^{number // 4}"),
            (0x0010_0020, "LO", f"P{number // 4:06}"),
            (0x0010_0030, "DA", "19700101"),
            (0x0010_0040, "CS", "FM"[number % 2]),
            (0x0010_1010, "AS", "054Y"),
            (0x0010_1030, "DS", "70.5"),
            (0x0012_0062, "CS", "NO"),
            (0x0018_0015, "CS", "BRAIN"),
            (0x0018_0020, "CS", "GR\\IR"),
            (0x0018_0021, "CS", "SK\\SP\\MP"),
            (0x0018_0050, "DS", "1.25"),
            (0x0018_0087, "DS", "3"),
            (0x0018_1000, "LO", "12345"),
            (0x0018_1020, "LO", "syngo MR E11"),
            (0x0018_1030, "LO", "t1_mprage_sag"),
            (0x0018_5100, "CS", "HFS"),
            (0x0020_000D, "UI", f"{self.uid[:-1]}9.1"),
            (0x0020_000E, "UI", self.uid),
            (0x0020_0010, "SH", "1"),
            (0x0020_0011, "IS", str(number % 30)),
            (0x0020_0037, "DS", "1\\0\\0\\0\\1\\0"),
            (0x0020_0052, "UI", f"{self.uid}.0.1"),
            (0x0028_0030, "DS", "0.976562\\0.976562"),
            (0x0028_0301, "CS", "NO"),
            (0x0028_0004, "CS", "MONOCHROME2"),
        ]
        elements: list[Element] = [(tag, vr, text.encode()) for tag, vr, text in texts]
        elements += [
            (0x0028_0000 + at, "US", rows if at in (0x10, 0x11) else b"\x10\0")
            for at in (0x02, 0x10, 0x11, 0x100, 0x101, 0x102, 0x103)
        ]
        for group, count in ((0x0009, 8), (0x0019, 34 + number % 17), (0x0021, 18), (0x0043, 12)):
            elements.append((group << 16 | 0x10, "LO", b"BENCH HEADER"))
            elements += [
                (group << 16 | 0x1020 + at, "LO", chance.randbytes(chance.randrange(2, 12)).hex().encode()) for at in range(count)
            ]
        elements += [(0x0018_9000 + at, "LO", b"PARAMETER") for at in range(24)]
        for tag in (0x0008_1032, 0x0008_1111, 0x0008_1140, 0x0008_2218, 0x0018_9737):
            elements.append((tag, "SQ", self._items(chance.randrange(1, 4))))
        return elements

    def _items(self, count: int) -> bytes:
        """Items of a sequence; a text of its own marks where the length is left undefined."""
        inside = [
            (0x0008_0100, "SH", b"CODE1"),
            (0x0008_0102, "SH", b"DCM"),
            (0x0008_0104, "LO", b"A meaning"),
            (0x0008_1155, "UI", b"1.2.3.4"),
        ]
        body = b"".join(encoded(*element, implicit=self.implicit) for element in inside)
        if not self.undefined:
            return (struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body) * count
        item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + body + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
        return item * count + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def encoded(tag: int, vr: str, value: bytes, *, implicit: bool = False) -> bytes:
    """One element, little endian."""
    group, element = tag >> 16, tag & 0xFFFF
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB") else b" "
    length = 0xFFFFFFFF if vr == "SQ" and value.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0") else len(value)
    if implicit:
        return struct.pack("<HHI", group, element, length) + value
    if vr in _LONG:
        return struct.pack("<HH2sHI", group, element, vr.encode(), 0, length) + value
    return struct.pack("<HH2sH", group, element, vr.encode(), length) + value


def _kind(number: int) -> str:
    place = number * 37 % 200
    return "bare" if place < 2 else DEFLATED if place < 12 else IMPLICIT if place < 39 else EXPLICIT
