"""A consortium with something to draw on every page: weeks of reports of every table, in a real Prometheus.

Berlin and Lyon report, Lyon refuses some tables; Madrid stopped weeks ago and reports one
table exactly; Oslo has never reported.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from aggregator_cast import Centre, StandingClock, a_report, served
from prometheus_server import Prometheus, free_port, prometheus
from studyscope_aggregator.app import create_app
from studyscope_aggregator.settings import RemoteWrite
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.catalogue import TABLES
from studyscope_contract.grid import Grid
from studyscope_contract.metric import Kind, Table
from studyscope_contract.policy import Policy
from studyscope_contract.report import Cell, PolicyStatement, ProtectedTable, Report, SiteFacts
from studyscope_contract.study import Study
from studyscope_contract.yaml_file import read_yaml

SITES = ("berlin", "lyon", "madrid", "oslo")
REPORTING = {"berlin": 0, "lyon": 0, "madrid": 20}
"""Days since each site's last report."""
REFUSED_BY_LYON = ("sex", "image_series")
HIDDEN = "burned_in"
"""A table that every site offers and of which every cell is under the threshold."""
DAYS = 36
CELLS_SHOWN = 6
POLICY = PolicyStatement.of(Policy())
EXACT = "reached"
"""What Madrid's protocol obliges it to report exactly."""
OBLIGED = PolicyStatement.of(
    Policy.model_validate(
        {"preset": "tens-open", "disclosure": {"reported": [EXACT], "legal_basis": "Protocol 4.2, section 7.3"}}
    )
)


@contextmanager
def consortium(folder: Path) -> Iterator[Prometheus]:
    """The consortium's centre, read by a Prometheus that also holds its history."""
    now = dt.datetime.now(dt.UTC)
    centre = Centre(folder / "registry", SITES)
    _prepare(centre)
    study, port = read_yaml(centre.folder / "studies" / "liver.yaml", Study), free_port()
    with prometheus(folder, scrapes=f"127.0.0.1:{port}") as server:
        settings = centre.settings(RemoteWrite(url=server.write_url, window_hours=400 * 24))
        with served(create_app(settings, MemoryStore(), StandingClock(now)), port) as client:
            for site, quiet in REPORTING.items():
                last = Grid().index(now) - quiet
                for day in range(DAYS):
                    signed = centre.signed(_report(site, study, day, last - DAYS + 1 + day))
                    answer = client.post("/api/v1/reports", content=signed.to_bytes())
                    assert answer.status_code == 201, answer.text
            _wait(server)
            yield server


def _prepare(centre: Centre) -> None:
    """Keys and membership that reach back, and a study with something of every kind."""
    file = centre.folder / "studies" / "liver.yaml"
    study = yaml.safe_load(file.read_text(encoding="utf-8"))
    study["landmarks"] = [{"code": "dome", "label": "Dome of the liver"}]
    study["classifiers"] = [
        {"id": "cirrhosis", "title": "Cirrhosis", "positive": ["cirrhosis"]},
        {"id": "fibrosis", "title": "Stage of fibrosis", "positive": ["f3", "f4"], "published": "calibration"},
    ]
    study["time_points"] = [{"id": "baseline", "title": "Baseline", "day": 0}, {"id": "month-3", "title": "Month 3", "day": 90}]
    study["attributes"] = ["SliceThickness", "PatientAge"]
    study["variables"] = [{"id": "diabetes", "title": "Diabetes", "codes": {"yes": ["1"], "no": ["0"]}}]
    study["structures"].append({"code": "spleen", "label": "Spleen"})
    file.write_text(yaml.safe_dump(study), encoding="utf-8")
    for changed in (centre.folder / "sites.yaml", file):
        text = changed.read_text(encoding="utf-8")
        changed.write_text(text.replace("2026-01-01", "2020-01-01").replace("2027-12-31", "2099-12-31"), encoding="utf-8")


def _report(site: str, study: Study, day: int, grid_point: int) -> Report:
    refused = REFUSED_BY_LYON if site == "lyon" else ()
    patients = 60 + 10 * (day // 3) * (1 + SITES.index(site))
    policy = OBLIGED if site == "madrid" else POLICY
    shown = []
    for key, table in study.tables():
        if table.id not in (*refused, HIDDEN):
            named = {"table": key.table, "per": key.per, "version": 1 + day // 3, "released": grid_point - day % 3}
            unit = "reported" if table.id in policy.reported else "patient"
            shown.append(ProtectedTable.model_validate(named | {"cells": _cells(table, study, patients), "unit": unit}))
    offers = {name: "refused" if name in refused else "offered" for name in TABLES}
    facts = SiteFacts.model_validate(
        {
            "release": "0.1.0",
            "study_version": 1,
            "sources": {"folder": True, "nifti": site != "lyon"},
            "storage": "ok",
            "key_months": 12,
            "tables": offers,
        }
    )
    return a_report(site, day + 1, grid_point, tuple(shown), policy=policy, facts=facts)


def _cells(table: Table, study: Study, patients: int) -> tuple[Cell, ...]:
    codes = study.codes(table)
    if table.kind is Kind.MAGNITUDE:
        width = POLICY.parameters.width(table.clip)
        return (Cell(codes=(), value=width * (patients // width + 1)),)
    few = codes if table.kind is Kind.HISTOGRAM else codes[:CELLS_SHOWN]
    share = 1 if table.kind in (Kind.POPULATION, Kind.NESTED, Kind.MULTI) else len(few)
    return tuple(Cell(codes=code, value=max(20, patients // share // 10 * 10)) for code in few)


def _wait(server: Prometheus) -> None:
    """Until the present was scraped and all history is written."""
    deadline = time.monotonic() + 90
    everything = "sum(count_over_time(study_history_patients[400d]))"
    while time.monotonic() < deadline:
        written = server.query(everything, time.time())
        scraped = server.query("count(study_patients)", time.time())
        if scraped and written and float(written[0]["value"][1]) >= DAYS * len(REPORTING):
            return
        time.sleep(0.3)
    raise AssertionError("the history did not arrive in Prometheus")
