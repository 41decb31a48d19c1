"""The inventory as collectors see it: one frame for each kind of record."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from studyscope_exporter.inventory import frames

if TYPE_CHECKING:
    import pandas as pd


class InventoryFrames:
    """Reads an inventory's database; see `frames` for the columns of each."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def series_frame(self) -> pd.DataFrame:
        return frames.series_frame(self._db)

    def segmentations_frame(self) -> pd.DataFrame:
        return frames.segmentations_frame(self._db)

    def structures_frame(self) -> pd.DataFrame:
        return frames.structures_frame(self._db)

    def jobs_frame(self) -> pd.DataFrame:
        return frames.jobs_frame(self._db)

    def agreements_frame(self) -> pd.DataFrame:
        return frames.agreements_frame(self._db)

    def landmarks_frame(self) -> pd.DataFrame:
        return frames.landmarks_frame(self._db)

    def classifications_frame(self) -> pd.DataFrame:
        return frames.classifications_frame(self._db)

    series_frame.__doc__ = frames.series_frame.__doc__
    segmentations_frame.__doc__ = frames.segmentations_frame.__doc__
    structures_frame.__doc__ = frames.structures_frame.__doc__
    jobs_frame.__doc__ = frames.jobs_frame.__doc__
    agreements_frame.__doc__ = frames.agreements_frame.__doc__
    landmarks_frame.__doc__ = frames.landmarks_frame.__doc__
    classifications_frame.__doc__ = frames.classifications_frame.__doc__
