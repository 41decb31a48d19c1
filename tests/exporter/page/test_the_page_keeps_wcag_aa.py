"""The hospital's own page, judged by axe-core in a real browser: log-in, overview, preview and what follows a signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accessibility import axe_source, browsers, violations
from page_cast import make_site, run
from prometheus_server import free_port
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.page.password import write_password
from studyscope_exporter.page.serving import served_beside
from studyscope_exporter.settings import read_site_file

pytestmark = [pytest.mark.optional, pytest.mark.timeout(300)]

PASSWORD = "a long password"


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return axe_source(tmp_path_factory.mktemp("axe"))


def test_every_page_of_the_hospital_is_for_everybody(axe: str, tmp_path: Path) -> None:
    path = make_site(tmp_path)
    assert run(path, "scan", "--quiet") == 0
    write_password(tmp_path / "page.password", PASSWORD)
    with path.open("a") as file:
        file.write(f"page: {{password_file: page.password, port: {free_port()}}}\n")
    settings = read_site_file(path)
    assert settings.page is not None
    with served_beside(settings, SystemClock()), browsers(base_url=f"http://127.0.0.1:{settings.page.port}") as shapes:
        for shape, context in shapes:
            page = context.new_page()

            def judged(where: str, page: Any = page, shape: str = shape) -> None:
                assert violations(page, axe) == [], f"{where}, {shape}"

            page.goto("/")
            judged("log-in")
            page.fill("#password", PASSWORD)
            page.click("button")
            judged("overview")
            page.goto("/studies/liver")
            judged("preview")
            page.set_input_files("#key", tmp_path / "officer.pem")
            page.click("text=Sign what this page shows")
            judged("after signing")
            context.close()
