"""Schemathesis over the OpenAPI document, and every documented status seen at least once."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from concurrent.futures import Future

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from aggregator_cast import NOW, TODAY, Centre, StandingClock, a_report, a_table, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.enrolment_requests import MOST_WAITING
from studyscope_aggregator.settings import Limits
from studyscope_aggregator.signed_studies import SignedStudies
from studyscope_aggregator.store import Entry, StoreUnavailable
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.enrolment import EnrolmentRequest
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import MAX_BYTES, SignedReport, SiteFacts
from studyscope_contract.signed_study import SignedStudy
from studyscope_contract.site_request import ReportsRequest, SignedRequest


class DiskThatFills(MemoryStore):
    """Takes reports until `full` is set."""

    full = False

    def append(self, entry: Entry) -> Future[None]:
        if self.full:
            raise StoreUnavailable("no space left")
        return super().append(entry)

    def ready(self) -> None:
        if self.full:
            raise StoreUnavailable("no space left")
        super().ready()


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Centre:
    made = Centre(tmp_path_factory.mktemp("centre") / "registry")
    study = made.folder / "studies" / "liver.yaml"
    SignedStudies(made.folder).add(SignedStudy.sign(study.read_bytes(), study, SigningKey.generate()))
    return made


@pytest.fixture(scope="module")
def store() -> DiskThatFills:
    return DiskThatFills()


@pytest.fixture(scope="module")
def client(centre: Centre, store: DiskThatFills) -> Iterator[httpx.Client]:
    settings = centre.settings().model_copy(update={"limits": Limits(reports_per_minute=1, burst=100)})
    with served(create_app(settings, store, StandingClock())) as client:
        yield client


def test_no_request_breaks_the_api(client: httpx.Client) -> None:
    """A body that fits the schema is still no signed report, so refusing it is right."""
    described = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    for result in described.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        holds()


def own_reports_request(centre: Centre, key: str) -> bytes:
    wanted = ReportsRequest(study="liver", site="berlin", after=0, at=int(NOW.timestamp()))
    return SignedRequest.sign(wanted, centre.keys[key]).to_bytes()


def test_every_documented_status_is_seen(client: httpx.Client, centre: Centre, store: DiskThatFills) -> None:
    def post(raw: bytes, **headers: str) -> int:
        return client.post("/api/v1/reports", content=raw, headers=headers).status_code

    def signed(**parts: object) -> bytes:
        key = parts.pop("key", None)
        return centre.signed(a_report(**parts), key).to_bytes()  # type: ignore[arg-type]

    def enrol(body: bytes) -> int:
        return client.post("/api/v1/enrolments", content=body).status_code

    def asked(site: str, key: SigningKey) -> bytes:
        return EnrolmentRequest.make("liver", site, key, NOW.date()).to_bytes()

    forged = EnrolmentRequest.make("liver", "lyon", centre.keys["lyon"], NOW.date()).model_copy(
        update={"key": SigningKey.generate().public.text}
    )
    requests = (
        asked("berlin", centre.keys["berlin"]),
        *(asked("lyon", SigningKey.generate()) for _ in range(MOST_WAITING + 1)),
        asked("atlantis", SigningKey.generate()),
        forged.to_bytes(),
        b"{}",
        b" " * 5000,
    )
    newer = SignedReport.from_bytes(signed()).to_bytes().replace(b'"schema":1', b'"schema":2')
    study = client.get("/api/v1/studies/liver")
    seen = {
        ("post", "/api/v1/reports"): {
            post(signed()),
            post(signed()),
            post(b"{}"),
            post(signed(site="lyon", key=centre.keys["oslo"])),
            post(signed(study="lung", key=SigningKey.generate())),
            post(signed(grid_point=TODAY - 1)),
            post(b" " * (MAX_BYTES + 1)),
            post(gzip.compress(signed()), **{"Content-Encoding": "gzip"}),
            post(signed(sequence=2, grid_point=TODAY + 1)),
            post(signed(site="oslo", tables=(a_table(cells={(): 41}),))),
            post(newer),
            post(signed(site="oslo", facts=SiteFacts(release="0.1.0", study_version=9))),
        },
        ("get", "/api/v1/sites/{study}/{site}/last"): {
            client.get(f"/api/v1/sites/liver/{site}/last").status_code for site in ("berlin", "oslo")
        },
        ("post", "/api/v1/reports/own"): {
            client.post("/api/v1/reports/own", content=content).status_code
            for content in (own_reports_request(centre, "berlin"), own_reports_request(centre, "oslo"), b"{}")
        },
        ("get", "/api/v1/studies/{study}"): {
            study.status_code,
            client.get("/api/v1/studies/liver", headers={"If-None-Match": study.headers["etag"]}).status_code,
            client.get("/api/v1/studies/lung").status_code,
        },
        ("post", "/api/v1/enrolments"): {enrol(body) for body in requests},
        ("get", "/api/v1/enrolments/{site}/{fingerprint}"): {
            client.get(f"/api/v1/enrolments/oslo/{centre.keys['oslo'].public.fingerprint}").status_code
        },
        ("get", "/api/v1/studies/{study}/signed"): {
            client.get(f"/api/v1/studies/{study}/signed").status_code for study in ("liver", "lung")
        },
        ("get", "/metrics"): {client.get("/metrics").status_code},
        ("get", "/metrics/self"): {client.get("/metrics/self").status_code},
        ("get", "/healthz"): {client.get("/healthz").status_code},
        ("get", "/readyz"): {client.get("/readyz").status_code},
    }
    seen["post", "/api/v1/reports"] |= {post(signed(site="lyon")) for _ in range(101)}
    store.full = True
    seen["post", "/api/v1/reports"].add(post(signed(site="oslo")))
    seen["get", "/readyz"].add(client.get("/readyz").status_code)
    store.full = False

    paths = client.get("/openapi.json").json()["paths"]
    documented = {
        (method, path): {int(status) for status in operation["responses"]}
        for path, operations in paths.items()
        for method, operation in operations.items()
    }
    validation = {key: statuses - {422} if key[0] == "get" else statuses for key, statuses in documented.items()}
    assert seen == validation
