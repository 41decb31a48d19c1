"""Every role asks a real Prometheus through the guarded way; what it may not see, it does not get by any query."""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from aggregator_cast import TODAY, Centre, StandingClock, a_report, a_table, served
from prometheus_server import Prometheus, free_port, prometheus
from studyscope_aggregator.access.role import ROLES, Grant
from studyscope_aggregator.access.tokens import AccessTokens
from studyscope_aggregator.access.visible_series import GROUP_WORDS, VISIBLE
from studyscope_aggregator.app import create_app
from studyscope_aggregator.settings import AccessSettings
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_dashboards.checks.expressions import ANYTHING
from studyscope_dashboards.look.variables import filled
from studyscope_dashboards.page import pages_as_read

pytestmark = pytest.mark.real

OF_BERLIN, OF_LYON, OF_OSLO = 4440, 7770, 2220
GRANTS = {
    "coordinator": Grant("coordinator"),
    "lead": Grant("lead", frozenset({"liver"})),
    "other lead": Grant("lead", frozenset({"lung"})),
    "berlin": Grant("site", sites=frozenset({"berlin"})),
    "public": Grant("public"),
}


@dataclass(frozen=True)
class Guarded:
    """The running centre, the Prometheus behind it, and a token for each role."""

    client: httpx.Client
    prometheus: Prometheus
    tokens: dict[str, str]
    registry: Path

    def ask(self, who: str, path: str, **params: str | list[str]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        return self.client.get(f"/prometheus/api/v1/{path}", params=params, headers=headers)

    def query(self, who: str, promql: str) -> httpx.Response:
        return self.ask(who, "query", query=promql)

    def labels(self, who: str, promql: str) -> list[dict[str, str]]:
        answer = self.query(who, promql)
        assert answer.status_code == 200, answer.text
        return [one["metric"] for one in answer.json()["data"]["result"]]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    centre, port = Centre(folder / "registry"), free_port()
    now = dt.datetime.now(dt.UTC)
    tokens = {who: AccessTokens(centre.folder).add(grant, who, now, dt.date(2100, 1, 1)).text for who, grant in GRANTS.items()}
    with prometheus(folder, scrapes=f"127.0.0.1:{port}") as server:
        settings = centre.settings().model_copy(update={"access": AccessSettings(prometheus=server.url)})
        with served(create_app(settings, MemoryStore(), StandingClock()), port) as client:
            for site, shown in (("berlin", OF_BERLIN), ("lyon", OF_LYON), ("oslo", OF_OSLO)):
                tables = (a_table(cells={(): shown}), a_table("sex", {("F",): shown - 100, ("M",): 100}))
                report = a_report(site, grid_point=TODAY, tables=tables)
                assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
            found = Guarded(client, server, tokens, centre.folder)
            deadline = time.monotonic() + 20
            while not (found.labels("coordinator", "study_patients{site='oslo'}")) and time.monotonic() < deadline:
                time.sleep(0.1)
            yield found


def test_each_role_sees_the_rows_that_are_its_own(guarded: Guarded) -> None:
    def sites(who: str) -> set[str]:
        return {one["site"] for one in guarded.labels(who, "study_patients")}

    assert sites("coordinator") == sites("lead") == {"berlin", "lyon", "oslo"}
    assert sites("berlin") == {"berlin"}
    assert sites("other lead") == set()


def test_everybody_sees_the_totals_of_their_studies(guarded: Guarded) -> None:
    for who in ("coordinator", "lead", "berlin", "public"):
        (row,) = guarded.query(who, 'study_consortium_patients{total="current"}').json()["data"]["result"]
        assert row["value"][1] == str(OF_BERLIN + OF_LYON + OF_OSLO)
    assert guarded.labels("other lead", "study_consortium_patients") == []


ATTEMPTS = (
    'study_patients{site="lyon"}',
    'study_patients{site=~"l.*"}',
    'study_patients{site!="berlin"}',
    '{__name__="study_patients"}',
    '{__name__=~"study_pat.*"}',
    '{site="lyon"}',
    '{__name__=~".+"}',
    '{"study_patients"}',
    'study_patients{site="lyon",site="berlin"}',
    "study_patients offset 1s",
    "study_patients @ end()",
    "max_over_time(study_patients[5m:1s])",
    "last_over_time(study_patients[5m])",
    "study_patients[5m]",
    "(study_patients)[5m:1s]",
    "max(study_patients)",
    "max by (site) (study_patients)",
    "topk(5, study_patients)",
    "quantile(1, study_patients)",
    'count_values("n", study_patients)',
    "absent(study_consortium_patients) or study_patients",
    "study_consortium_patients and on (study) study_patients or study_patients",
    "study_consortium_patients unless study_patients",
    "study_consortium_patients - on (study) group_left () max by (study) (study_patients)",
    "study_consortium_patients + on (study) group_left (site) topk by (study) (1, study_patients)",
    'label_replace(study_patients, "site", "berlin", "", "")',
    'label_replace(study_patients, "who", "$1", "site", "(l.*)")',
    'label_join(study_patients, "site", "-", "study")',
    "-study_patients",
    "study_patients * 1",
    "sum(study_patients) - sum(study_patients{site='berlin'})",
    'sum(study_patients_by_sex{sex="F"}) by (site)',
    "timestamp(study_site_info)",
    'study_patients{site="\\u006cyon"}',
    "study_patients{site=~'ly\"} or study_patients{site=~\"on'}",
    'study_patients{site="berlin\\"} or study_patients{site=\\"lyon"}',
    "ALERTS",
    "study_enrolment_requests",
    "up",
    "prometheus_tsdb_head_series",
    "histogram_quantile(0.9, study_patients)",
    "info(study_consortium_patients)",
    'info(study_consortium_patients, {__name__="study_site_info"})',
    'study_patients{site="berlin" or site="lyon"}',
    "study_history_patients",
)


@pytest.mark.parametrize("promql", ATTEMPTS)
@pytest.mark.parametrize("who", ["berlin", "public", "other lead"])
def test_no_query_gives_another_site_s_numbers(guarded: Guarded, who: str, promql: str) -> None:
    for path, more in (("query", {}), ("query_range", {"start": f"{time.time() - 5}", "end": f"{time.time()}", "step": "1"})):
        answer = guarded.ask(who, path, query=promql, **more)
        said = answer.text if answer.status_code == 200 else ""
        assert answer.status_code in {200, 400, 422}
        assert "lyon" not in said
        for secret in (OF_LYON, OF_LYON - 100):
            assert f'"{secret}"' not in said
            assert f'"-{secret}"' not in said
        if who != "berlin":
            assert f'"{OF_BERLIN}"' not in said


def test_the_attempts_would_succeed_without_the_guard(guarded: Guarded) -> None:
    """So the test above can fail: the same queries give a coordinator the other site."""
    found = [promql for promql in ATTEMPTS if "lyon" in guarded.query("coordinator", promql).text]

    assert len(found) > 20


@pytest.mark.parametrize("path", ["labels", "label/site/values", "label/__name__/values", "series", "label/name/values"])
@pytest.mark.parametrize("match", [[], ["study_patients"], ['{site="lyon"}'], ['{__name__=~".*"}', "study_site_info"], ["up"]])
def test_labels_and_series_tell_of_no_other_site(guarded: Guarded, path: str, match: list[str]) -> None:
    for who in ("berlin", "public", "other lead"):
        answer = guarded.ask(who, path, **({"match[]": match} if match else {}))
        assert "lyon" not in (answer.text if answer.status_code == 200 else "").lower()
    told = guarded.ask("coordinator", path, **({"match[]": match} if match else {})).text
    assert told


def test_a_site_finds_its_own_labels_and_the_totals(guarded: Guarded) -> None:
    assert guarded.ask("berlin", "label/site/values").json()["data"] == ["berlin"]
    names = guarded.ask("berlin", "label/__name__/values").json()["data"]
    assert {"study_patients", "study_consortium_patients"} <= set(names)
    assert "up" not in names
    public = guarded.ask("public", "label/__name__/values").json()["data"]
    assert all(name.startswith("study_consortium_") or name in {"study_info", "study_sites_expected"} for name in public)
    assert guarded.ask("public", "label/site/values").json()["data"] == []


def test_metadata_names_only_what_the_asker_may_know(guarded: Guarded) -> None:
    public = guarded.ask("public", "metadata").json()["data"]

    assert "study_consortium_patients" in public
    assert "study_patients" not in public
    assert "study_patients" in guarded.ask("berlin", "metadata").json()["data"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "federate?match[]={__name__!=''}"),
        ("GET", "api/v1/rules"),
        ("GET", "api/v1/alerts"),
        ("GET", "api/v1/targets"),
        ("GET", "api/v1/status/config"),
        ("GET", "api/v1/status/tsdb"),
        ("GET", "api/v1/query_exemplars?query=study_patients"),
        ("POST", "api/v1/admin/tsdb/delete_series?match[]=study_patients"),
        ("POST", "api/v1/write"),
        ("POST", "api/v1/read"),
        ("DELETE", "api/v1/series?match[]=study_patients"),
        ("GET", "api/v1/query/../../../federate"),
        ("GET", "api/v1/label/../../federate%3Fmatch[]=x/values"),
        ("GET", "api/v1/label/%2e%2e%2fquery/values"),
        ("GET", "metrics"),
        ("GET", ""),
    ],
)
def test_everything_else_is_refused_to_everybody(guarded: Guarded, method: str, path: str) -> None:
    for who in GRANTS:
        headers = {"Authorization": f"Bearer {guarded.tokens[who]}"}
        answer = guarded.client.request(method, f"/prometheus/{path}", headers=headers)
        assert answer.status_code in {400, 403, 404}
        assert "lyon" not in answer.text


def test_a_form_that_two_readers_could_read_differently_is_refused(guarded: Guarded) -> None:
    headers = {"Authorization": f"Bearer {guarded.tokens['berlin']}"}

    def post(body: str | bytes, address: str = "", kind: str = "application/x-www-form-urlencoded") -> httpx.Response:
        return guarded.client.post(f"/prometheus/api/v1/query{address}", content=body, headers={**headers, "Content-Type": kind})

    whole = post("query=study_patients")
    assert [one["metric"]["site"] for one in whole.json()["data"]["result"]] == ["berlin"]
    assert post("query=study_patients%7Bsite%3D%22lyon%22%7D").json()["data"]["result"] == []
    refused = [
        post("query=study_consortium_patients&query=study_patients"),
        post("query=study_patients", "?query=study_consortium_patients"),
        post(json.dumps({"query": "study_patients"}), kind="application/json"),
        post("query=study_patients", kind="multipart/form-data; boundary=x"),
        post("query=study_patients&time=1&time=2"),
        post("query=study_patients&time=1%26query%3Dup"),
        post(b"query=\xff"),
        post("query=%ff"),
        post("query=" + "(" * 30_000),
        post("query=" + "(" * 1500 + "up" + ")" * 1500),
        post("query=" + "-" * 15_000 + "up"),
        post("nothing=1"),
    ]
    assert {answer.status_code for answer in refused} == {400}


def test_nobody_is_let_in_without_a_token_that_holds(guarded: Guarded) -> None:
    tokens = AccessTokens(guarded.registry)
    revoked = tokens.add(Grant("coordinator"), "revoked", StandingClock().now(), dt.date(2100, 1, 1))
    tokens.revoke(revoked.stored, StandingClock().now())
    ended = tokens.add(Grant("coordinator"), "ended", StandingClock().now(), StandingClock().now().date() - dt.timedelta(1))
    wrong = guarded.tokens["coordinator"][:-1] + ("A" if guarded.tokens["coordinator"][-1] != "A" else "B")
    for headers in (
        {},
        {"Authorization": "Bearer none"},
        {"Authorization": f"Bearer {wrong}"},
        {"Authorization": f"Bearer {revoked.text}"},
        {"Authorization": f"Bearer {ended.text}"},
        {"Authorization": f"Basic {guarded.tokens['coordinator']}"},
        {"X-ID-Token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."},
    ):
        answer = guarded.client.get("/prometheus/api/v1/query", params={"query": "up"}, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["status"] == "error"


def _queries(content: object) -> Iterator[str]:
    if isinstance(content, dict):
        if isinstance(content.get("expr"), str):
            yield filled(content["expr"], ANYTHING | {"study": "liver"})
        for one in content.values():
            yield from _queries(one)
    elif isinstance(content, list):
        for one in content:
            yield from _queries(one)


def test_a_held_query_answers_as_the_query_itself_where_nothing_is_hidden(guarded: Guarded) -> None:
    """Every query of every page, as a lead of the only study and as the coordinator, whose queries go as they are."""
    queries = sorted({expr for page in pages_as_read().values() for expr in _queries(page)})
    odd = [
        "-study_patients ^ 2",
        "2 ^ -1",
        "1e-9 * study_patients",
        "study_patients > bool 5",
        "-(3 - 5 - 7) % 4",
        "study_patients or on () vector(1)",
    ]
    at = str(time.time())
    for promql in (*queries, *odd):
        promql = re.sub(r"\$\w+", "a", promql)
        as_it_is, held = (guarded.ask(who, "query", query=promql, time=at).json() for who in ("coordinator", "lead"))
        assert as_it_is["status"] == "success", (promql, as_it_is)
        assert rows(held) == rows(as_it_is), promql
    assert len(queries) > 100


def rows(answer: Any) -> Any:
    result = answer["data"]["result"]
    return result if answer["data"]["resultType"] == "scalar" else sorted(json.dumps(row, sort_keys=True) for row in result)


def test_a_token_is_kept_as_a_hash_only(guarded: Guarded) -> None:
    kept = "".join(path.read_text() for path in (guarded.registry / "tokens").iterdir())

    assert not any(token in kept or token.rpartition("_")[2] in kept for token in guarded.tokens.values())


def test_the_scheme_of_a_token_may_be_written_small(guarded: Guarded) -> None:
    headers = {"Authorization": f"bearer {guarded.tokens['berlin']}"}
    answer = guarded.client.get("/prometheus/api/v1/query", params={"query": "study_patients"}, headers=headers)

    assert [one["metric"]["site"] for one in answer.json()["data"]["result"]] == ["berlin"]


def test_a_grafana_that_looks_what_it_talks_to_is_answered(guarded: Guarded) -> None:
    assert guarded.ask("public", "status/buildinfo").json()["data"]["version"]
    assert guarded.query("public", "1+1").json()["data"]["result"][1] == "2"


def test_the_table_in_the_documentation_is_the_one_that_holds() -> None:
    page = (Path(__file__).parents[2] / "docs" / "who-sees-what.md").read_text(encoding="utf-8")

    for group, words in GROUP_WORDS.items():
        cells = [VISIBLE[role].get(group, "nothing") for role in ROLES]
        assert f"| {words} | {' | '.join(cells)} |" in page
