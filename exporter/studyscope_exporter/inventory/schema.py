"""The inventory's tables, and how its database is opened."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from studyscope_exporter.inventory.errors import InventoryDamaged, InventoryOutOfReach, InventoryTooNew

SCHEMA = 5
_APPLICATION_ID = 0x53545343
_PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "temp_store = MEMORY", "cache_size = -16384")

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE source (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, root BLOB
);
CREATE TABLE folder (
    number INTEGER PRIMARY KEY, source INTEGER NOT NULL, key BLOB NOT NULL,
    digest BLOB NOT NULL, reads_as BLOB NOT NULL, files INTEGER NOT NULL, listing BLOB NOT NULL,
    UNIQUE (source, key)
);
CREATE TABLE item (
    number INTEGER PRIMARY KEY, source INTEGER NOT NULL, folder INTEGER, key BLOB,
    series INTEGER, instance INTEGER, instances INTEGER NOT NULL, unreadable TEXT, ignored TEXT
);
CREATE UNIQUE INDEX item_key ON item (source, key) WHERE key IS NOT NULL;
CREATE INDEX item_series ON item (series, instance, instances) WHERE series IS NOT NULL;
CREATE INDEX item_reason ON item (source, unreadable, ignored) WHERE unreadable IS NOT NULL OR ignored IS NOT NULL;
CREATE TABLE series (
    number INTEGER PRIMARY KEY, source INTEGER NOT NULL, described_by INTEGER NOT NULL, first_seen TEXT NOT NULL,
    series_key BLOB NOT NULL, study_key BLOB NOT NULL, patient_key BLOB NOT NULL,
    modality TEXT NOT NULL, vendor TEXT NOT NULL, model_class TEXT NOT NULL, body_part TEXT NOT NULL,
    sex TEXT NOT NULL, age_years INTEGER, acquired_on TEXT, slice_thickness_mm REAL, field_strength_tesla REAL,
    identity_removed TEXT NOT NULL, burned_in TEXT NOT NULL, synthetic INTEGER NOT NULL,
    laterality TEXT NOT NULL, mr_sequence TEXT NOT NULL,
    UNIQUE (source, series_key)
);
CREATE INDEX series_key ON series (series_key);
CREATE INDEX series_study ON series (study_key);
CREATE TABLE segmentation (
    number INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES item (number) ON DELETE CASCADE,
    first_seen TEXT NOT NULL, segmentation_key BLOB NOT NULL, patient_key BLOB, study_key BLOB, image_series_key BLOB,
    algorithm TEXT NOT NULL, algorithm_version TEXT NOT NULL, review_state TEXT NOT NULL, reading TEXT NOT NULL
);
CREATE INDEX segmentation_item ON segmentation (item);
CREATE INDEX segmentation_key ON segmentation (segmentation_key);
CREATE TABLE structure (
    segmentation INTEGER NOT NULL REFERENCES segmentation (number) ON DELETE CASCADE, position INTEGER NOT NULL,
    structure TEXT NOT NULL, volume_ml REAL NOT NULL, lesions INTEGER,
    PRIMARY KEY (segmentation, position)
) WITHOUT ROWID;
CREATE TABLE comparison (
    number INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES item (number) ON DELETE CASCADE,
    first_seen TEXT NOT NULL, comparison_key BLOB NOT NULL, patient_key BLOB, study_key BLOB, image_series_key BLOB,
    algorithm TEXT NOT NULL, algorithm_version TEXT NOT NULL, review_state TEXT NOT NULL, against TEXT NOT NULL
);
CREATE INDEX comparison_item ON comparison (item);
CREATE INDEX comparison_key ON comparison (comparison_key);
CREATE TABLE agreement (
    comparison INTEGER NOT NULL REFERENCES comparison (number) ON DELETE CASCADE, position INTEGER NOT NULL,
    structure TEXT NOT NULL, dice REAL, surface_dice REAL, hausdorff_mm REAL, volume_difference REAL, noise TEXT,
    confused_with TEXT NOT NULL, volume_ml REAL, reference_ml REAL,
    instances INTEGER, reference_instances INTEGER, matched_instances INTEGER, matched_iou REAL,
    PRIMARY KEY (comparison, position)
) WITHOUT ROWID;
CREATE TABLE landmarks (
    number INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES item (number) ON DELETE CASCADE,
    first_seen TEXT NOT NULL, landmarks_key BLOB NOT NULL, patient_key BLOB, study_key BLOB, image_series_key BLOB
);
CREATE INDEX landmarks_item ON landmarks (item);
CREATE INDEX landmarks_key ON landmarks (landmarks_key);
CREATE TABLE landmark (
    landmarks INTEGER NOT NULL REFERENCES landmarks (number) ON DELETE CASCADE, position INTEGER NOT NULL,
    landmark TEXT NOT NULL, found INTEGER NOT NULL, error_mm REAL,
    PRIMARY KEY (landmarks, position)
) WITHOUT ROWID;
CREATE TABLE classification (
    number INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES item (number) ON DELETE CASCADE,
    first_seen TEXT NOT NULL, classification_key BLOB NOT NULL, patient_key BLOB, study_key BLOB, image_series_key BLOB,
    classifier TEXT NOT NULL, model_version TEXT NOT NULL, predicted TEXT NOT NULL, score REAL, reference TEXT NOT NULL,
    confidence REAL
);
CREATE INDEX classification_item ON classification (item);
CREATE INDEX classification_key ON classification (classification_key);
CREATE TABLE job (
    number INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES item (number) ON DELETE CASCADE,
    first_seen TEXT NOT NULL, job_key BLOB NOT NULL, patient_key BLOB, workflow TEXT NOT NULL, model TEXT NOT NULL,
    model_version TEXT NOT NULL, outcome TEXT NOT NULL, failure_reason TEXT NOT NULL,
    queued_at TEXT, started_at TEXT, finished_at TEXT
);
CREATE INDEX job_item ON job (item);
CREATE INDEX job_key ON job (job_key);
"""


def connect(path: Path) -> sqlite3.Connection:
    """The database at `path`, made if it is not there; one of an older schema is made anew, as a scan refills it."""
    db = _opened(path)
    try:
        found = _schema_of(db)
        if found is not None and found > SCHEMA:
            raise InventoryTooNew(found, SCHEMA)
        if found is not None and found < SCHEMA:
            db.close()
            for suffix in ("-wal", "-shm", ""):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            db, found = _opened(path), None
        for pragma in (
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            "cache_size = -16384",
        ):
            db.execute(f"PRAGMA {pragma}")
        if found is None:
            _create_tables(db)
    except sqlite3.OperationalError as error:
        db.close()
        raise InventoryOutOfReach(path, str(error)) from error
    except BaseException:
        db.close()
        raise
    return db


def _opened(path: Path) -> sqlite3.Connection:
    # Made here and not by SQLite, so that nobody else on the machine can read it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return sqlite3.connect(path, isolation_level=None, timeout=30)


def _schema_of(db: sqlite3.Connection) -> int | None:
    try:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:  # no word about the file: a full disk, or none that can be read
        raise
    except sqlite3.DatabaseError as error:
        raise InventoryDamaged("not a database") from error
    if tables and application != _APPLICATION_ID:
        raise InventoryDamaged("a database of something else")
    return int(version) if tables else None


def _create_tables(db: sqlite3.Connection) -> None:
    # Not executescript, which would end the transaction: a kill in between must not leave half a schema.
    db.execute("BEGIN IMMEDIATE")
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
    db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA}")
    db.execute("COMMIT")
