"""A platform with an archive, an Airflow and a page of gauges behind one front door, as Kaapana lays them out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs

from airflow_server import Airflow
from archive_server import PlainArchive
from local_server import Answer, Asked, LocalServer, as_json, served

GAUGES = "/kaapana-backend/monitoring/metrics/scrape"
DATASETS = "/kaapana-backend/client/dataset"
TAGGED = "/kaapana-backend/dataset/"
TAG_FIELD = "00000000 Tags_keyword.keyword"
TOKENS = "/auth/realms/kaapana/protocol/openid-connect/token"
INTAKE = "service-process-incoming-dcm"
PROJECT_INDEX = "project_liver"
PROJECT_ID = "0a1b2c3d-0000-4000-8000-000000000001"


@dataclass
class Keycloak:
    """Gives tokens to whom it knows; each new one makes those before it too old."""

    form: dict[str, list[str]]
    given: int = 0

    @property
    def token(self) -> str:
        return f"token-{self.given}"

    def answer(self, asked: Asked) -> Answer:
        if parse_qs(asked.body.decode()) != self.form:
            return as_json({"error": "invalid_grant"}, 401)
        self.given += 1
        return as_json({"access_token": self.token, "expires_in": 3600, "token_type": "Bearer"})


def search(asked: Asked, folder: Path) -> Answer:
    """The platform's index of series, asked by tag; an empty one cannot be sorted."""
    if json.loads(asked.headers.get("Project", "{}")).get("opensearch_index") != PROJECT_INDEX:
        return as_json({"detail": "no such index"}, 500)
    tags: dict[str, list[str]] = json.loads((folder / "tags.json").read_text())
    question = json.loads(asked.body)
    found = sorted(uid for uid, its in tags.items() if set(its) & set(question["query"]["terms"][TAG_FIELD]))
    if asked.path == f"{TAGGED}aggregatedSeriesNum":
        return as_json(len(found))
    if not tags or question["sort"] != "0020000E SeriesInstanceUID_keyword.keyword":
        return as_json({"detail": "No mapping found to sort on"}, 500)
    size, page = question["pageLength"], question["pageIndex"]
    return as_json(found[size * (page - 1) : size * page])


@contextmanager
def platform_at(folder: Path, *, down: frozenset[str] = frozenset(), keycloak: Keycloak | None = None) -> Iterator[LocalServer]:
    """Serves what lies in `folder`; `down` are the paths whose part is away; with a `keycloak` nothing without its token."""
    archive, airflow = PlainArchive(folder), Airflow(folder, version=1, known=frozenset({INTAKE}))

    def answer(asked: Asked) -> Answer:
        if any(asked.path.startswith(path) for path in down) or not folder.exists():
            return as_json({}, 503)
        if keycloak and asked.path == TOKENS:
            return keycloak.answer(asked)
        if keycloak and asked.headers.get("Authorization") != f"Bearer {keycloak.token}":
            return Answer(status=302, headers={"Location": "/oauth2/sign_in"})
        if asked.path == DATASETS:
            if json.loads(asked.headers.get("Project", "{}")).get("id") != PROJECT_ID:
                return as_json({"detail": "no project"}, 500)
            datasets = json.loads((folder / "datasets.json").read_text())
            return as_json({"name": asked.param("name"), "identifiers": datasets.get(asked.param("name"))})
        if asked.path.startswith(TAGGED):
            return search(asked, folder)
        if asked.path == GAUGES:
            return Answer((folder / "gauges.txt").read_bytes())
        for path, part in (("/dicom-web-filter", archive.answer), ("/flow", airflow.answer)):
            if asked.path.startswith(f"{path}/"):
                return part(replace(asked, path=asked.path.removeprefix(path)))
        return as_json({}, 404)

    with served(answer) as server:
        yield server
