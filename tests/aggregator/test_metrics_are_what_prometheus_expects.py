"""/metrics as promtool, Prometheus' own parser and a real Prometheus see it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from aggregator_cast import TODAY, Centre, StandingClock, a_report, a_table, served
from prometheus_server import prometheus
from studyscope_aggregator.app import create_app
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.catalogue import TABLES
from studyscope_contract.learning import LearningRounds
from studyscope_contract.metric import Kind
from studyscope_contract.report import SiteFacts

HISTOGRAMS = "|".join(table.metric.removeprefix("study_") for table in TABLES.values() if table.kind is Kind.HISTOGRAM)
KNOWN = re.compile(
    rf"""study_({HISTOGRAMS})_(bucket|count|sum)\ non-histogram.*should\ not\ have\ "_(bucket|count|sum)"\ suffix
    | study_({HISTOGRAMS})_bucket\ non-histogram\ metrics\ should\ not\ have\ "le"\ label
    | study_consortium_({HISTOGRAMS})(_lower|_upper|_sites)?\ non-histogram\ metrics\ should\ not\ have\ "le"\ label
    | study_(consortium_)?\w+_millimeters\S*\ use\ base\ unit\ "meters"\ instead\ of\ "millimeters"
    | study_(consortium_)?follow_up_interval_days\S*\ use\ base\ unit\ "seconds"\ instead\ of\ "days" """,
    re.VERBOSE,
)
"""What promtool says of histograms of people, which are gauges, and of the units of the field (docs/decisions/0008)."""

TABLES_OF_BERLIN = (
    a_table(cells={(): 80}),
    a_table("sex", {("F",): 40, ("M",): 40}),
    a_table("stage", {("imaged",): 30, ("segmented",): 50}),
    a_table("structure_volume", {("20.0",): 20, ("400.0",): 30, ("+Inf",): 20}, per="liver"),
    a_table("job_outcome", {("succeeded",): 60}, per="segment"),
    a_table("slice_thickness", {("1.0",): 20, ("+Inf",): 20}),
    a_table("follow_up_interval", {("30.0",): 20, ("+Inf",): 20}),
    a_table("structure_hausdorff", {("5.0",): 20, ("+Inf",): 20}, per="liver"),
)


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path / "registry")


@pytest.fixture
def client(centre: Centre) -> Iterator[httpx.Client]:
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        for report in (
            a_report(tables=TABLES_OF_BERLIN),
            a_report("lyon", grid_point=TODAY - 20, tables=TABLES_OF_BERLIN[:2]),
            a_report("berlin", tables=()),
        ):
            client.post("/api/v1/reports", content=centre.signed(report).to_bytes())
        yield client


def value_of(page: str, series: str) -> float:
    (found,) = [line.rpartition(" ")[2] for line in page.splitlines() if line.rpartition(" ")[0] == series]
    return float(found)


def test_promtool_finds_only_the_known_complaints(client: httpx.Client) -> None:
    """Histograms of people are gauges: with `histogram` as type, a withdrawal would look like a counter's reset."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on the PATH")
    page = client.get("/metrics").text
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)

    unknown = [line for line in (done.stdout + done.stderr).splitlines() if line and not KNOWN.fullmatch(line)]
    assert unknown == []


def test_every_family_stands_once_and_together(client: httpx.Client) -> None:
    lines = client.get("/metrics").text.splitlines()
    names = [line.split("{")[0] for line in lines if not line.startswith("#")]
    runs = [name for position, name in enumerate(names) if position == 0 or names[position - 1] != name]

    assert len(runs) == len(set(runs))
    assert [line.split()[2] for line in lines if line.startswith("# TYPE")] == runs


def test_nothing_unknown_is_shown_as_a_number(client: httpx.Client) -> None:
    page = client.get("/metrics").text
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]

    assert not [sample for sample in samples if sample.value < 0 or sample.value != sample.value]
    assert not [s for s in samples if s.labels.get("site") == "oslo" and s.name.startswith(("study_patients", "study_policy"))]
    assert all(sample.timestamp is None for sample in samples)
    assert not [sample for sample in samples if not sample.name.startswith("study_")]


def test_buckets_are_cumulative_and_end_in_what_is_shown(client: httpx.Client) -> None:
    page = client.get("/metrics").text
    who = 'study="liver",site="berlin",structure="liver"'

    volume = "study_structure_volume_milliliters"
    assert value_of(page, f'{volume}_bucket{{{who},le="20.0"}}') == 20
    assert value_of(page, f'{volume}_bucket{{{who},le="400.0"}}') == 50
    assert value_of(page, f'{volume}_bucket{{{who},le="+Inf"}}') == 70
    assert value_of(page, f"{volume}_count{{{who}}}") == 70
    assert value_of(page, f"{volume}_sum{{{who}}}") == 20 * 10 + 30 * 210 + 20 * 400


def test_every_registered_site_has_a_state_from_the_start(centre: Centre) -> None:
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        page = client.get("/metrics").text

    for site in centre.sites:
        assert value_of(page, f'study_site_state{{study="liver",site="{site}",state="never_reported"}}') == 1
        assert value_of(page, f'study_site_state{{study="liver",site="{site}",state="fresh"}}') == 0


def test_learning_rounds_are_shown_of_sites_that_say_them(centre: Centre) -> None:
    told = SiteFacts(release="0.1.0", study_version=1, learning=LearningRounds(taken_part=7, late=0, missed=2))
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        for report in (a_report(facts=told), a_report("lyon")):
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).is_success
        page = client.get("/metrics").text

    assert re.findall(r'study_site_learning_rounds\{study="liver",site="(\w+)",state="(\w+)"\} (\d+)', page) == [
        ("berlin", "late", "0"),
        ("berlin", "missed", "2"),
        ("berlin", "taken_part", "7"),
    ]


def test_current_totals_leave_out_who_is_silent_for_long(client: httpx.Client) -> None:
    page = client.get("/metrics").text

    assert value_of(page, 'study_consortium_patients{study="liver",total="last_known"}') == 160
    assert value_of(page, 'study_consortium_patients{study="liver",total="current"}') == 80
    assert value_of(page, 'study_sites_expected{study="liver"}') == 3


def test_a_new_report_moves_the_totals_of_the_tables_that_moved(centre: Centre) -> None:
    clock = StandingClock()
    with served(create_app(centre.settings(), MemoryStore(), clock)) as client:
        pages = []
        for day, women in enumerate((40, 60)):
            tables = (a_table(cells={(): 80}), a_table("sex", {("F",): women, ("M",): 20}))
            report = a_report(sequence=day + 1, grid_point=TODAY - 1 + day, tables=tables)
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
            pages.append(client.get("/metrics").text)

    totals = 'study_consortium_patients_by_sex{study="liver",total="current",sex='
    assert [value_of(page, f'{totals}"F"}}') for page in pages] == [40, 60]
    assert [value_of(page, f'{totals}"M"}}') for page in pages] == [20, 20]
    assert [value_of(page, 'study_consortium_patients{study="liver",total="current"}') for page in pages] == [80, 80]


def test_labels_are_escaped(tmp_path: Path) -> None:
    centre = Centre(tmp_path / "other")
    file = centre.folder / "studies" / "liver.yaml"
    file.write_text(file.read_text().replace("Hospital oslo", "'The \"Old\" \\ Hospital'"))
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}

    assert 'The "Old" \\ Hospital' in {sample.labels["name"] for sample in families["study_site_info"].samples}


@pytest.mark.real
def test_a_real_prometheus_scrapes_everything(client: httpx.Client, tmp_path: Path) -> None:
    samples = sum(not line.startswith("#") for line in client.get("/metrics").text.splitlines())
    with prometheus(tmp_path, scrapes=f"127.0.0.1:{client.base_url.port}") as server:
        deadline = time.monotonic() + 20
        while not server.query("up == 1", time.time()) and time.monotonic() < deadline:
            time.sleep(0.2)
        (scraped,) = server.query("scrape_samples_scraped", time.time())
        (median,) = server.query("histogram_quantile(0.5, study_structure_volume_milliliters_bucket)", time.time())
    assert int(scraped["value"][1]) == samples
    assert float(median["value"][1]) == pytest.approx(20 + (35 - 20) / 30 * 380)
