"""The inventory's records as pandas frames."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_SERIES = """
WITH held AS (
    SELECT series, count(DISTINCT instance) + sum(CASE WHEN instance IS NULL THEN instances ELSE 0 END) AS instances
    FROM item WHERE series IS NOT NULL GROUP BY series
), ranked AS (
    SELECT series.*, source.name AS source_name, held.instances,
           row_number() OVER (PARTITION BY series_key ORDER BY first_seen, series.number) AS place
    FROM series JOIN held ON held.series = series.number JOIN source ON source.number = series.source
)
SELECT series_key, study_key, patient_key, modality, vendor, model_class, body_part, sex, age_years, acquired_on,
       slice_thickness_mm, field_strength_tesla, identity_removed, burned_in, synthetic, laterality, mr_sequence,
       source_name AS source, first_seen, instances
FROM ranked WHERE place = 1 ORDER BY number
"""


def _latest(table: str) -> str:
    """Of several rows with one key, the one that was put last."""
    return f"""
WITH ranked AS (
    SELECT {table}.*, source.name AS source_name,
           row_number() OVER (PARTITION BY {table}_key ORDER BY {table}.number DESC) AS place
    FROM {table} JOIN item ON item.number = {table}.item JOIN source ON source.number = item.source
)
"""


_SEGMENTATIONS = f"""{_latest("segmentation")}
SELECT segmentation_key, patient_key, study_key, image_series_key, algorithm, algorithm_version, review_state, reading,
       source_name AS source, first_seen
FROM ranked WHERE place = 1 ORDER BY number
"""
_STRUCTURES = f"""{_latest("segmentation")}
SELECT segmentation_key, structure, volume_ml, lesions
FROM ranked JOIN structure ON structure.segmentation = ranked.number WHERE place = 1 ORDER BY number, position
"""
_AGREEMENTS = f"""{_latest("comparison")}
SELECT comparison_key, patient_key, image_series_key, algorithm, algorithm_version, review_state, against,
       structure, dice, surface_dice, hausdorff_mm, volume_difference, noise, confused_with, volume_ml, reference_ml,
       instances, reference_instances, matched_instances, matched_iou, source_name AS source, first_seen
FROM ranked JOIN agreement ON agreement.comparison = ranked.number WHERE place = 1 ORDER BY number, position
"""
_LANDMARKS = f"""{_latest("landmarks")}
SELECT landmarks_key, patient_key, landmark, found, error_mm, source_name AS source, first_seen
FROM ranked LEFT JOIN landmark ON landmark.landmarks = ranked.number WHERE place = 1 ORDER BY number, position
"""
_CLASSIFICATIONS = f"""{_latest("classification")}
SELECT classification_key, patient_key, classifier, model_version, predicted, score, reference, confidence,
       source_name AS source, first_seen
FROM ranked WHERE place = 1 ORDER BY number
"""
_JOBS = """
WITH ranked AS (
    SELECT job.*, source.name AS source_name, row_number() OVER (
        PARTITION BY job_key
        ORDER BY max(coalesce(queued_at, ''), coalesce(started_at, ''), coalesce(finished_at, '')) DESC, job.number DESC
    ) AS place
    FROM job JOIN item ON item.number = job.item JOIN source ON source.number = item.source
)
SELECT job_key, patient_key, workflow, model, model_version, outcome, failure_reason,
       queued_at, started_at, finished_at, source_name AS source, first_seen
FROM ranked WHERE place = 1 ORDER BY number
"""


def series_frame(db: sqlite3.Connection) -> pd.DataFrame:
    """One row per series: the fields of ImagingSeries, then source, first_seen (a date) and instances.

    `acquired_on` is a `datetime.date` or None, `age_years` Int64 with NA, millimetres and tesla float64 with NaN.
    A series in two sources is one row, of the source that saw it first.
    """
    frame = _frame(db, _SERIES)
    frame["synthetic"] = frame["synthetic"].astype(bool)
    frame["age_years"] = frame["age_years"].astype("Int64")
    for name in ("slice_thickness_mm", "field_strength_tesla"):
        frame[name] = frame[name].astype("float64")
    return _with_dates(frame, "acquired_on", "first_seen")


def segmentations_frame(db: sqlite3.Connection) -> pd.DataFrame:
    """One row per segmentation: the fields of Segmentation but for structures, then source and first_seen."""
    return _with_dates(_frame(db, _SEGMENTATIONS), "first_seen")


def structures_frame(db: sqlite3.Connection) -> pd.DataFrame:
    """One row per segmentation and structure: segmentation_key, structure, volume_ml, lesions (NaN where not counted)."""
    return _with_numbers(_frame(db, _STRUCTURES), "volume_ml", "lesions")


def agreements_frame(db: sqlite3.Connection) -> pd.DataFrame:
    """One row per comparison and structure: the fields of both, then source and first_seen; measures NaN where undefined."""
    measures = ("dice", "surface_dice", "hausdorff_mm", "volume_difference", "volume_ml", "reference_ml")
    instances = ("instances", "reference_instances", "matched_instances", "matched_iou")
    return _with_dates(_with_numbers(_frame(db, _AGREEMENTS), *measures, *instances), "first_seen")


def landmarks_frame(db: sqlite3.Connection) -> pd.DataFrame:
    """One row per landmark result and landmark: landmarks_key, patient_key, the fields of LandmarkError, source, first_seen.

    A result that holds no landmark is a row with none, so that all of them are missing in it.
    """
    frame = _with_numbers(_frame(db, _LANDMARKS), "error_mm")
    frame["found"] = frame["found"].astype(bool)
    return _with_dates(frame, "first_seen")


def classifications_frame(db: sqlite3.Connection) -> pd.DataFrame:
    """One row per classified case: the fields of Classification but for study and series, then source and first_seen."""
    return _with_dates(_with_numbers(_frame(db, _CLASSIFICATIONS), "score", "confidence"), "first_seen")


def jobs_frame(db: sqlite3.Connection) -> pd.DataFrame:
    """One row per job, of the item that knows its latest time: the fields of Job, then source and first_seen.

    Times are `datetime64[us, UTC]` with NaT.
    """
    import pandas as pd

    frame = _frame(db, _JOBS)
    for name in ("queued_at", "started_at", "finished_at"):
        times = [None if text is None else dt.datetime.fromisoformat(text) for text in frame[name]]
        frame[name] = pd.Series(times, index=frame.index, dtype="datetime64[us, UTC]")
    return _with_dates(frame, "first_seen")


def _frame(db: sqlite3.Connection, query: str) -> pd.DataFrame:
    import pandas as pd

    cursor = db.execute(query)
    columns = [name for name, *_ in cursor.description]
    # Objects, so that None stays None and no column's kind depends on which rows there are.
    return pd.DataFrame(cursor.fetchall(), columns=columns, dtype=object)


def _with_numbers(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    for name in names:
        frame[name] = frame[name].astype("float64")
    return frame


def _with_dates(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    import pandas as pd

    for name in names:
        days: list[Any] = [None if text is None else dt.date.fromisoformat(text) for text in frame[name]]
        frame[name] = pd.Series(days, index=frame.index, dtype=object)
    return frame
