"""An Airflow as its REST API shows itself, of either version, from answers that lie in a folder."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from local_server import Answer, Asked, LocalServer, as_json, served

USER, PASSWORD, TOKEN = "studyscope", "correct horse", "a.jwt.token"


@dataclass
class Airflow:
    """Answers from `folder`: dagRuns.json and, for each run id, TASKS in `tasks.json`; without the folder it is down.

    `known` are DAGs that it has although none of their runs is there; `updated` says when a run changed last, by id; `page_limit` is the server's own.
    """

    folder: Path
    version: int = 2
    page_limit: int = 100
    needs_login: bool = False
    known: frozenset[str] = frozenset()
    updated: dict[str, str] = field(default_factory=dict)

    def runs(self) -> list[dict[str, Any]]:
        return list(json.loads((self.folder / "dagRuns.json").read_text())["dag_runs"])

    def answer(self, asked: Asked) -> Answer:
        if not self.folder.exists():
            return as_json({"detail": "the scheduler is away"}, 503)
        if asked.path == "/auth/token":
            good = self.version == 2 and json.loads(asked.body) == {"username": USER, "password": PASSWORD}
            return as_json({"access_token": TOKEN}, 201) if good else as_json({"detail": "no"}, 401)
        base = f"/api/v{self.version}"
        if asked.path == f"{base}/version":
            return as_json({"version": {1: "2.11.2", 2: "3.3.2"}[self.version], "git_version": None})
        if not asked.path.startswith(f"{base}/"):
            return as_json({"detail": "Not Found"}, 404)
        if self.needs_login and asked.headers.get("Authorization") not in self._good():
            return as_json({"detail": "Not authenticated"}, 401)
        return self._listing(asked, asked.path.removeprefix(f"{base}/dags/").split("/"))

    def _good(self) -> tuple[str, str]:
        return f"Bearer {TOKEN}", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def _listing(self, asked: Asked, steps: list[str]) -> Answer:
        dag, since = unquote(steps[0]), asked.param("updated_at_gte")
        if steps[1:] == ["dagRuns"]:
            runs = [run for run in self.runs() if dag == "~" or run["dag_id"] == dag]
            if dag != "~" and not runs and dag not in self.known:
                return as_json({"detail": f"The DAG {dag} was not found"}, 404)
            runs = [run for run in runs if not asked.param("state") or run["state"] == asked.param("state")]
            runs = [run for run in runs if not since or self.updated.get(run["dag_run_id"], "9999") >= since]
            return self._page(asked, "dag_runs", runs)
        tasks = json.loads((self.folder / "tasks.json").read_text()) if (self.folder / "tasks.json").exists() else {}
        return self._page(asked, "task_instances", tasks.get(unquote(steps[2]), []))

    def _page(self, asked: Asked, name: str, entries: list[Any]) -> Answer:
        begin, limit = int(asked.param("offset", "0")), min(self.page_limit, int(asked.param("limit", "100")))
        return as_json({name: entries[begin : begin + limit], "total_entries": len(entries)})


@contextmanager
def airflow_at(airflow: Airflow) -> Iterator[LocalServer]:
    with served(airflow.answer) as server:
        yield server


def a_run(run_id: str, **said: Any) -> dict[str, Any]:
    """A run as Airflow 3 tells it."""
    return {
        "dag_id": "seg",
        "dag_run_id": run_id,
        "logical_date": None,
        "queued_at": "2026-05-01T10:00:00Z",
        "start_date": "2026-05-01T10:01:00Z",
        "end_date": "2026-05-01T10:11:00Z",
        "state": "success",
        "run_type": "manual",
        "conf": {},
        "note": None,
    } | said


def write_runs(folder: Path, *runs: dict[str, Any], tasks: dict[str, list[dict[str, Any]]] | None = None) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "dagRuns.json").write_text(json.dumps({"dag_runs": runs}))
    (folder / "tasks.json").write_text(json.dumps(tasks or {}))
