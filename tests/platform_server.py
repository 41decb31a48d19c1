"""A platform with an archive, an Airflow and a page of gauges behind one front door, as Kaapana lays them out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from airflow_server import Airflow
from archive_server import PlainArchive
from local_server import Answer, Asked, LocalServer, as_json, served

GAUGES = "/kaapana-backend/monitoring/metrics/scrape"


@contextmanager
def platform_at(folder: Path, *, down: frozenset[str] = frozenset()) -> Iterator[LocalServer]:
    """Serves what lies in `folder`; `down` are the paths whose part is away."""
    archive, airflow = PlainArchive(folder), Airflow(folder, version=1)

    def answer(asked: Asked) -> Answer:
        if any(asked.path.startswith(path) for path in down) or not folder.exists():
            return as_json({}, 503)
        if asked.path == GAUGES:
            return Answer((folder / "gauges.txt").read_bytes())
        for path, part in (("/dicom-web-filter", archive.answer), ("/flow", airflow.answer)):
            if asked.path.startswith(f"{path}/"):
                return part(replace(asked, path=asked.path.removeprefix(path)))
        return as_json({}, 404)

    with served(answer) as server:
        yield server
