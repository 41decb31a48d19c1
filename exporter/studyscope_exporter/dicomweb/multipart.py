"""The first part of a multipart/related answer (RFC 2387, PS3.18 8.6.1.2), piece by piece and within a bound."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from typing import BinaryIO

from studyscope_exporter.dicom.unreadable import Reason, Unreadable

_LONGEST_HEAD = 16 * 1024


def write_first_part(pieces: Iterator[bytes], content_type: str, file: BinaryIO, most_bytes: int) -> None:
    """Writes the content of the first part; an answer that is no multipart is the content itself. Raises Unreadable."""
    boundary = _boundary(content_type)
    if boundary is None:
        for piece in _bounded(pieces, most_bytes):
            file.write(piece)
        return
    within = _bounded(pieces, most_bytes + 2 * _LONGEST_HEAD)
    rest = _behind(within, _behind(within, b"", b"--" + boundary), b"\r\n\r\n")
    delimiter = b"\r\n--" + boundary
    while (end := rest.find(delimiter)) < 0:
        # What may be the beginning of a delimiter stays until more is there.
        keep = len(delimiter) - 1
        if len(rest) > keep:
            file.write(rest[:-keep])
            rest = rest[-keep:]
        rest += _next(within)
    file.write(rest[:end])


def _boundary(content_type: str) -> bytes | None:
    message = Message()
    message["Content-Type"] = content_type
    if message.get_content_maintype() != "multipart":
        return None
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not boundary or not boundary.isascii():
        raise Unreadable(Reason.MALFORMED)
    return boundary.encode("ascii")


def _behind(pieces: Iterator[bytes], rest: bytes, mark: bytes) -> bytes:
    while (at := rest.find(mark)) < 0:
        if len(rest) > _LONGEST_HEAD:
            raise Unreadable(Reason.MALFORMED)
        rest += _next(pieces)
    return rest[at + len(mark) :]


def _next(pieces: Iterator[bytes]) -> bytes:
    piece = next(pieces, None)
    if piece is None:
        raise Unreadable(Reason.TRUNCATED)
    return piece


def _bounded(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise Unreadable(Reason.TOO_LARGE)
        yield piece
