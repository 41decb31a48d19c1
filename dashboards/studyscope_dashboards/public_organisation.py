"""An organisation of its own for the public: in it a data source with a totals-only token, and the page of totals.

In Grafana every viewer can ask every data source of their organisation, so a token that stands in a data source is a
token of everybody in that organisation. The shared organisation therefore has none, and this one has the least there is.

PublicOrganisationProblem    Grafana does not do what it was asked; the message holds its answer
"""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

import httpx

from studyscope_dashboards.page import all_dashboards, dashboard_json
from studyscope_dashboards.provisioning import DATASOURCE_UID

PAGE = "totals"
"""The page that needs nothing but totals."""


class PublicOrganisationProblem(Exception):
    """Grafana refused something."""

    def __init__(self, what: str, answer: str) -> None:
        self.what, self.answer = what, answer
        super().__init__(f"{what}: {answer}; is the address Grafana's, and the password that of its user admin?")


class PublicOrganisation:
    """Grafana's administrator, who makes the organisation or brings it up to date."""

    def __init__(self, url: str, admin_password: str) -> None:
        self._client = httpx.Client(base_url=url.rstrip("/"), auth=("admin", admin_password), timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def make(self, name: str, prometheus_url: str, token: str) -> int:
        """The organisation's number; doing it again changes the token and the page. Raises PublicOrganisationProblem."""
        number = self._organisation(name)
        self._data_source(number, prometheus_url, token)
        page = json.loads(dashboard_json(all_dashboards()[PAGE])) | {"id": None}
        self._ask("POST", "/api/dashboards/db", {"dashboard": page, "overwrite": True}, number)
        self._ask("PUT", "/api/org/preferences", {"homeDashboardUID": PAGE}, number)
        return number

    def _organisation(self, name: str) -> int:
        found = self._client_answer("GET", f"/api/orgs/name/{name}", None, None)
        if found.status_code == 200:
            return int(found.json()["id"])
        return int(self._ask("POST", "/api/orgs", {"name": name}, None)["orgId"])

    def _data_source(self, organisation: int, prometheus_url: str, token: str) -> None:
        content = {
            "name": "Studyscope",
            "uid": DATASOURCE_UID,
            "type": "prometheus",
            "access": "proxy",
            "url": prometheus_url,
            "isDefault": True,
            "jsonData": {"httpMethod": "POST", "timeInterval": "1m", "manageAlerts": False, "httpHeaderName1": "Authorization"},
            "secureJsonData": {"httpHeaderValue1": f"Bearer {token}"},
        }
        there = self._client_answer("GET", f"/api/datasources/uid/{DATASOURCE_UID}", None, organisation)
        if there.status_code == 200:
            self._ask("PUT", f"/api/datasources/uid/{DATASOURCE_UID}", content, organisation)
        else:
            self._ask("POST", "/api/datasources", content, organisation)

    def _ask(self, method: str, path: str, content: Any, organisation: int | None) -> dict[str, Any]:
        answer = self._client_answer(method, path, content, organisation)
        if answer.is_error:
            raise PublicOrganisationProblem(f"{method} {path}", f"{answer.status_code} {answer.text[:300]}")
        said: dict[str, Any] = answer.json()
        return said

    def _client_answer(self, method: str, path: str, content: Any, organisation: int | None) -> httpx.Response:
        headers = {"X-Grafana-Org-Id": str(organisation)} if organisation is not None else {}
        try:
            return self._client.request(method, path, json=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise PublicOrganisationProblem(f"{method} {path}", str(problem)) from None
