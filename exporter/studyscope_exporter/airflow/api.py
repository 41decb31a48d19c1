"""Asks Airflow for runs, page by page, and for the tasks of one run. Reads only.

Both versions know `updated_at_gte`, and list in the order of their own numbers when asked for `id`:
what is added while we turn pages comes at the end.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self
from urllib.parse import quote

from studyscope_exporter.servers.server import Server, ServerProblem

Version = Literal[1, 2]
EVERY_DAG = "~"
PAGE = 100
_MOST_PAGES = 100_000
_MOST_TASKS = 10_000


@dataclass(frozen=True)
class AirflowApi:
    """One version of the API of one server."""

    server: Server
    version: Version

    @classmethod
    def found(cls, server: Server, version: Version | None) -> Self:
        """With the version that the server has, unless it is given. Raises ServerProblem."""
        if version is not None:
            return cls(server, version)
        for candidate in (2, 1):
            try:
                said = server.json(f"/api/v{candidate}/version")
            except ServerProblem as problem:
                if problem.status not in (404, 405, 410):
                    raise
            else:
                if isinstance(said, dict) and isinstance(said.get("version"), str):
                    return cls(server, candidate)
        message = f"{server.address.url} answers, but not as Airflow does; `url` is what stands before /api/v1 or /api/v2"
        raise ServerProblem(message, temporary=False)

    def runs(self, dag: str, since: dt.datetime | None) -> Iterator[list[Any]]:
        """Pages of runs of a DAG (or EVERY_DAG) that changed since; all of them when None. Raises ServerProblem."""
        path = f"{self._dag(dag)}/dagRuns"
        changed = {"updated_at_gte": since.astimezone(dt.UTC).isoformat()} if since else {}
        return self._pages(path, "dag_runs", "id", changed, _MOST_PAGES)

    def runs_in(self, dag: str, state: str) -> Iterator[list[Any]]:
        """Pages of all runs of a DAG that are in this state. Raises ServerProblem."""
        return self._pages(f"{self._dag(dag)}/dagRuns", "dag_runs", "id", {"state": state}, _MOST_PAGES)

    def number_in(self, dag: str, state: str) -> int:
        """How many runs of a DAG are in this state. Raises ServerProblem."""
        path = f"{self._dag(dag)}/dagRuns"
        answer = self.server.json(path, {"limit": 1, "state": state})
        number = answer.get("total_entries") if isinstance(answer, dict) else None
        if not isinstance(number, int):
            raise ServerProblem(f"{self.server.address.url}{path} does not say how many runs there are", temporary=True)
        return number

    def tasks(self, dag: str, run: str) -> list[Any]:
        """The task instances of a run, each in its last try. Raises ServerProblem."""
        path = f"{self._dag(dag)}/dagRuns/{quote(run, safe='')}/taskInstances"
        return [task for page in self._pages(path, "task_instances", None, {}, _MOST_TASKS // PAGE) for task in page]

    def _dag(self, dag: str) -> str:
        return f"/api/v{self.version}/dags/{quote(dag, safe='~')}"

    def _pages(self, path: str, name: str, order: str | None, more: dict[str, str], most: int) -> Iterator[list[Any]]:
        seen, first = 0, None
        for _ in range(most):
            params: dict[str, str | int | list[str]] = {"limit": PAGE, "offset": seen, **more}
            if order:
                params["order_by"] = order
            answer = self.server.json(path, params)
            page = answer.get(name) if isinstance(answer, dict) else None
            if not isinstance(page, list):
                raise ServerProblem(f"{self.server.address.url}{path} answers without {name}; is it Airflow?", temporary=True)
            if not page:
                return
            if page == first:
                raise ServerProblem(f"{self.server.address.url}{path} gives its first page again and again", temporary=True)
            first = first or page
            yield page
            seen += len(page)
            total = answer.get("total_entries")
            # A server may give fewer than asked for (maximum_page_limit), so the total decides where it is said.
            if len(page) < PAGE and not (isinstance(total, int) and seen < total):
                return
        raise ServerProblem(f"{self.server.address.url}{path} does not end after {most} pages", temporary=True)
