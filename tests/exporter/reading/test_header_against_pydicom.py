"""The judge of the header reader is pydicom: every wanted value of every real file that its packages bring."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

import pydicom
import pydicom.data
import pytest

from studyscope_exporter.dicom.header import HeaderReader, Reason, Unreadable, read_header
from studyscope_exporter.dicom.tags import WANTED


@cache
def real_files() -> list[Path]:
    folders = [Path(pydicom.data.__file__).parent]
    data_store = pytest.importorskip("data_store", reason="pydicom-data holds most of the real files")
    folders.append(Path(data_store.__file__).parent)
    return sorted(
        path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}
    )


def texts_by_pydicom(path: Path) -> dict[str, str | None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return texts_of(pydicom.dcmread(path, stop_before_pixels=True, force=True))


def texts_of(data_set: pydicom.Dataset) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for keyword, tag, vr in WANTED:
        if tag not in data_set:
            found[keyword] = None
            continue
        value = data_set[tag].value
        values = [] if value is None else [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
        texts = [getattr(item, "original_string", None) or str(item) for item in values]
        found[keyword] = "\\".join(text.strip() if vr in ("DS", "IS") else text for text in texts)
    return found


def comparable(text: str | None, vr: str) -> str | None:
    """Without what pydicom takes away of each of several values: trailing spaces, all of them in numbers."""
    if text is None:
        return None
    parts = [part.strip(" \0") if vr in ("DS", "IS") else part.rstrip(" \0") for part in text.split("\\")]
    return "\\".join(parts)


def differences(path: Path, header_reader: HeaderReader) -> list[str]:
    header, expected = header_reader.read(path), texts_by_pydicom(path)
    found = {keyword: header.text(keyword) for keyword, _, _ in WANTED}
    return [
        f"{path.name} {keyword}: {found[keyword]!r}, pydicom {expected[keyword]!r}"
        for keyword, _, vr in WANTED
        if comparable(found[keyword], vr) != comparable(expected[keyword], vr)
    ]


def test_every_value_of_every_real_file_is_what_pydicom_reads() -> None:
    wrong, unread, read = [], {}, 0
    reader = HeaderReader()
    for path in real_files():
        try:
            wrong += differences(path, reader)
            read += 1
        except Unreadable as error:
            unread[path.name] = error.reason
    assert wrong == []
    assert read >= 250
    assert {name for name, reason in unread.items() if reason is Reason.DIRECTORY} == {
        n for n in unread if n.startswith("DICOMDIR")
    }
    # The first is a file with garbage in front of it, the second has no data set: pydicom finds no attribute in either.
    others = {name: reason for name, reason in unread.items() if not name.startswith("DICOMDIR") and name.endswith(".dcm")}
    assert others == {"no_meta.dcm": Reason.NOT_DICOM, "meta_missing_tsyntax.dcm": Reason.MALFORMED}


def test_a_file_read_alone_gives_what_it_gives_after_others() -> None:
    together = HeaderReader()
    for path in real_files():
        try:
            alone = [read_header(path).raw(keyword) for keyword, _, _ in WANTED]
        except Unreadable:
            continue
        first, again = together.read(path), together.read(path)
        assert [first.raw(keyword) for keyword, _, _ in WANTED] == alone
        assert [again.raw(keyword) for keyword, _, _ in WANTED] == alone
