"""The body of a Prometheus remote write (version 1): a protobuf WriteRequest in a snappy block.

prometheus.proto: WriteRequest { 1: TimeSeries* }, TimeSeries { 1: Label*, 2: Sample* },
Label { 1: name, 2: value }, Sample { 1: double value, 2: int64 timestamp in milliseconds }.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import cramjam

from studyscope_aggregator.samples import Labels

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}

_LENGTH_DELIMITED_1 = b"\x0a"
_LENGTH_DELIMITED_2 = b"\x12"


@dataclass(frozen=True)
class Point:
    """One sample of history: labels without the name, time in milliseconds since 1970."""

    name: str
    labels: Labels
    value: float
    millis: int


def write_request(points: Iterable[Point]) -> bytes:
    """The compressed body; the points of each series in the order of their times."""
    series: dict[tuple[str, Labels], list[Point]] = {}
    for point in points:
        series.setdefault((point.name, point.labels), []).append(point)
    encoded = b"".join(_field(_LENGTH_DELIMITED_1, _time_series(name, labels, found)) for (name, labels), found in series.items())
    return bytes(cramjam.snappy.compress_raw(encoded))


def _time_series(name: str, labels: Labels, points: list[Point]) -> bytes:
    parts = [_field(_LENGTH_DELIMITED_1, _label(*pair)) for pair in sorted((("__name__", name), *labels))]
    parts += [_field(_LENGTH_DELIMITED_2, _sample(point)) for point in sorted(points, key=lambda point: point.millis)]
    return b"".join(parts)


def _label(name: str, value: str) -> bytes:
    return _field(_LENGTH_DELIMITED_1, name.encode()) + _field(_LENGTH_DELIMITED_2, value.encode())


def _sample(point: Point) -> bytes:
    return b"\x09" + struct.pack("<d", point.value) + b"\x10" + _varint(point.millis)


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
