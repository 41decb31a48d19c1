"""What reading one item of a source gave."""

from __future__ import annotations

from dataclasses import dataclass

from studyscope_exporter.records import Classification, Comparison, ImagingSeries, Job, LandmarkResult, Segmentation

Record = ImagingSeries | Segmentation | Comparison | LandmarkResult | Classification | Job


@dataclass(frozen=True, slots=True)
class Reading:
    """The records of one item (a file, a remote series, a run), or why it gave none.

    At most one ImagingSeries per item; `instance` (16 bytes) tells the instances of a series apart,
    so that a copy of a file counts once; an item that stands for many instances says how many.
    `unreadable` and `ignored` are reasons from closed lists, never a text of the source. With
    `retry` a file is read again in the next pass although it did not change (no permission now).
    """

    records: tuple[Record, ...] = ()
    instance: bytes = b""
    instances: int = 1
    unreadable: str = ""
    ignored: str = ""
    retry: bool = False
