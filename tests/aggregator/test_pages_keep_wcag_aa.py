"""The centre's own pages and papers, judged by axe-core in a real browser: light, dark and on a telephone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from accessibility import axe_source, browsers, violations
from aggregator_cast import NOW, TODAY, Centre, StandingClock, a_report, a_table, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.papers.as_known import Moments, known_study
from studyscope_aggregator.papers.passport import Passport, as_html, study_part
from studyscope_aggregator.papers.slide import slide
from studyscope_aggregator.registry import load_registry
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.mail_link import LinkSecret

pytestmark = [pytest.mark.optional, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return axe_source(tmp_path_factory.mktemp("axe"))


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path / "registry", ("berlin", "lyon", "oslo", "bergen"))


@pytest.fixture
def client(centre: Centre, tmp_path: Path) -> Iterator[httpx.Client]:
    LinkSecret.generate().save(tmp_path / "links")
    settings, clock = centre.settings().model_copy(update={"mail_links": tmp_path / "links"}), StandingClock()
    with served(create_app(settings, open_store(settings.store), clock)) as client:
        for number, back in enumerate((28, 20, 9, 3, 1), 1):
            clock.moment = NOW - dt.timedelta(days=back)
            tables = (a_table(cells={(): number * 20}), a_table("job_outcome", {("succeeded",): 30}, per="segment"))
            report = a_report(sequence=number, grid_point=TODAY - back, tables=tables)
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
        clock.moment = NOW
        client.post("/api/v1/reports", content=centre.signed(a_report(sequence=1)).to_bytes())
        client.post("/api/v1/reports", content=centre.signed(a_report("lyon", grid_point=TODAY - 3)).to_bytes())
        yield client


@pytest.fixture
def papers(centre: Centre, client: httpx.Client, tmp_path: Path) -> list[str]:
    with closing(open_store(centre.settings().store)) as store:
        moments = Moments.parse("2026-06-01", "2026-06-02", NOW + dt.timedelta(days=9))
        known = known_study("liver", moments, centre.folder, load_registry(centre.folder), store)
    part = study_part("liver-net", known, ())
    assert part is not None
    texts = {"slide": slide(known).html, "passport": as_html(Passport("liver-net", moments, (part,)))}
    for name, text in texts.items():
        (tmp_path / f"{name}.html").write_text(text)
    return [(tmp_path / f"{name}.html").as_uri() for name in texts]


def test_every_page_and_paper_of_the_centre_is_for_everybody(client: httpx.Client, papers: list[str], axe: str) -> None:
    base = str(client.base_url)
    addresses = [base, *(f"{base}/{path}" for path in ("sites/liver/berlin", "sites/liver/oslo", "sites/liver/x", "links/wrong"))]
    with browsers() as shapes:
        for shape, context in shapes:
            for address in (*addresses, *papers):
                page = context.new_page()
                page.goto(address)
                assert violations(page, axe) == [], f"{address}, {shape}"
                page.close()
