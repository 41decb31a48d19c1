"""The exporter's own gauges: for the hospital's Prometheus, by TLS and token or on this machine, and for no centre."""

import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, Gauge
from pydantic import ValidationError

from page_cast import copied_site, make_site, run
from prometheus_server import free_port, prometheus
from site_cast import write_patient
from studyscope_dashboards.prometheus import prometheus_config
from studyscope_exporter.cli import PROBLEMS
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.local_metrics.gauges import LocalMetrics
from studyscope_exporter.local_metrics.serving import served
from studyscope_exporter.local_metrics.settings import LocalMetricsSettings
from studyscope_exporter.local_metrics.standing import tell_scan, tell_standing
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site
from studyscope_exporter.small_server import MOST_AT_ONCE, EndpointProblem
from tls_certificate import certificate

TOKEN = "a-token-of-the-house"
ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "deploy" / "prometheus-of-a-site" / "studyscope-site.rules.yml"


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Gauge("studyscope_local_storage_low", "One gauge.", registry=made).set(1)
    return made


def protected(folder: Path) -> dict[str, Any]:
    pem, token = certificate(folder), folder / "token"
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o640)
    return {"port": free_port(), "certificate": pem, "certificate_key": pem, "token": {"file": token}}


def settings(**given: Any) -> LocalMetricsSettings:
    return LocalMetricsSettings.model_validate(given)


def trusting(pem: Path) -> httpx.Client:
    return httpx.Client(verify=ssl.create_default_context(cafile=pem), trust_env=False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"address": "10.1.2.3", "port": 9411}, "needs certificate, certificate_key, token"),
        ({"address": "0.0.0.0", "port": 9411, "certificate": "/c", "certificate_key": "/k"}, "needs token"),
        ({"address": "::", "port": 9411, "token": {"environment": "T"}}, "needs certificate, certificate_key;"),
        ({"address": "here", "port": 9411}, "must be an IP address"),
        ({}, "either `port` or `socket`"),
        ({"port": 9411, "socket": "/s"}, "either `port` or `socket`"),
        ({"socket": "/s", "address": "10.1.2.3"}, "protected by its folder"),
        ({"port": 9411, "certificate": "/c"}, "belong together"),
    ],
)
def test_an_endpoint_that_others_could_read_is_no_setting(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**given)


def test_over_tls_the_token_opens_the_gauges_and_nothing_else_does(registry: CollectorRegistry, tmp_path: Path) -> None:
    given = protected(tmp_path)
    url = f"https://127.0.0.1:{given['port']}"
    with served(registry, settings(**given)), trusting(given["certificate"]) as reader:
        answers = [reader.get(f"{url}/metrics", headers=head).status_code for head in _heads("", TOKEN, f"Bearer {TOKEN}x")]
        told = reader.get(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        elsewhere = reader.get(f"{url}/", headers={"Authorization": f"Bearer {TOKEN}"})
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{given['port']}/metrics", trust_env=False)

    assert answers == [401, 401, 401]
    assert (told.status_code, elsewhere.status_code) == (200, 404)
    assert "studyscope_local_storage_low 1.0" in told.text
    assert "python_" not in told.text


def _heads(*given: str) -> list[dict[str, str]]:
    return [{"Authorization": one} if one else {} for one in given]


def test_a_unix_socket_is_for_its_owner_and_group_and_goes_with_the_exporter(registry: CollectorRegistry, tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    for _ in range(2):
        with served(registry, settings(socket=path)), httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as reader:
            assert "studyscope_local_storage_low 1.0" in reader.get("http://localhost/metrics").text
            assert path.stat().st_mode & 0o777 == 0o660
        assert not path.exists()


def test_a_socket_that_a_killed_exporter_left_is_taken_over_and_one_in_use_is_not(
    registry: CollectorRegistry, tmp_path: Path
) -> None:
    path = tmp_path / "metrics.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with served(registry, settings(socket=path)):
        with pytest.raises(EndpointProblem, match="another program serves it"), served(registry, settings(socket=path)):
            pass
        assert path.exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(EndpointProblem, match="something else is there"), served(registry, settings(socket=tmp_path / "file")):
        pass


def test_what_cannot_be_served_is_said_in_words_by_the_command(registry: CollectorRegistry, tmp_path: Path) -> None:
    given = protected(tmp_path)
    taken = socket.create_server(("127.0.0.1", given["port"]))
    with taken, pytest.raises(EndpointProblem, match="choose another port"), served(registry, settings(**given)):
        pass
    (tmp_path / "empty.pem").write_text("")
    for wrong, words in (
        ({"certificate": tmp_path / "empty.pem"}, "no certificate and its key in PEM"),
        ({"token": {"file": tmp_path / "gone"}}, "local_metrics, token: .*put the secret there"),
    ):
        with pytest.raises(EndpointProblem, match=words), served(registry, settings(**given | wrong)):
            pass
    assert EndpointProblem in PROBLEMS


def test_readers_that_say_nothing_keep_neither_the_exporter_nor_each_other_for_long(registry: CollectorRegistry) -> None:
    port = free_port()
    with served(registry, settings(port=port)):
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(MOST_AT_ONCE)]
        time.sleep(0.5)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
        for one in idle:
            one.close()
        time.sleep(0.5)
        assert httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).status_code == 200


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_site(tmp_path_factory.mktemp("template"))
    assert run(path, "scan", "--quiet") == 0
    return path


def gauges_of(path: Path) -> dict[str, float]:
    metrics = LocalMetrics()
    with Site(read_site_file(path), SystemClock()) as site:
        tell_standing(site, metrics)
        tell_scan(site, metrics)
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    return {f"{sample.name}{sorted(sample.labels.values())}": sample.value for sample in samples}


def test_the_gauges_follow_the_site_through_an_approval_and_a_source_that_goes_away(scanned: Path, tmp_path: Path) -> None:
    path = copied_site(scanned, tmp_path)
    before = gauges_of(path)
    assert run(path, "approve", "--key", str(tmp_path / "officer.pem"), "--yes") == 0
    shutil.move(tmp_path / "dicom", tmp_path / "gone")
    run(path, "once", "--quiet")
    after = gauges_of(path)

    assert before["studyscope_local_tables_to_approve['liver']"] > 0
    assert after["studyscope_local_tables_to_approve['liver']"] == 0
    assert (before["studyscope_local_source_up['archive']"], after["studyscope_local_source_up['archive']"]) == (1, 0)
    assert (before["studyscope_local_reports_waiting['liver']"], after["studyscope_local_reports_waiting['liver']"]) == (0, 1)
    assert after["studyscope_local_grid_point_timestamp_seconds['liver']"] > time.time() - 2 * 86400


def test_no_gauge_is_a_number_of_patients(scanned: Path, tmp_path: Path) -> None:
    """A hospital with thirty patients and one with nineteen more tell the same."""
    other = copied_site(scanned, tmp_path)
    for number in range(100, 119):
        write_patient(tmp_path / "dicom", number)
    assert run(other, "scan", "--quiet") == 0
    told, told_of_more = (
        {name: value for name, value in gauges_of(site).items() if not _moves(name)} for site in (scanned, other)
    )

    assert len(told) > 5
    assert told == told_of_more


def _moves(name: str) -> bool:
    return "bytes" in name or "timestamp" in name


@pytest.mark.real
def test_a_real_prometheus_reads_the_gauges_of_the_house(scanned: Path, tmp_path: Path) -> None:
    registry = LocalMetrics()
    path = copied_site(scanned, tmp_path)
    with Site(read_site_file(path), SystemClock()) as site:
        tell_standing(site, registry)
        tell_scan(site, registry)
    port = free_port()
    with served(registry.registry, settings(port=port)), prometheus(tmp_path, scrapes=f"127.0.0.1:{port}") as house:
        deadline, found = time.monotonic() + 20, list[Any]()
        while not found and time.monotonic() < deadline:
            found = house.query("studyscope_local_source_up", time.time())
            time.sleep(0.2)

    assert found[0]["value"][1] == "1"
    assert found[0]["metric"]["source"] == "archive"


@pytest.mark.real
def test_the_centres_prometheus_keeps_no_gauge_of_an_exporter_whatever_it_is_pointed_at(
    registry: CollectorRegistry, tmp_path: Path
) -> None:
    """The centre's own jobs, aimed at an exporter's endpoint on purpose."""
    port = free_port()
    config = yaml.safe_load(prometheus_config(f"127.0.0.1:{port}", itself=f"127.0.0.1:{port}"))
    jobs = [job | {"scrape_interval": "1s", "metrics_path": "/metrics"} for job in config["scrape_configs"]]
    with served(registry, settings(port=port)), prometheus(tmp_path, jobs=jobs) as centre:
        deadline = time.monotonic() + 20
        while len(centre.query("up == 1", time.time())) < len(jobs) and time.monotonic() < deadline:
            time.sleep(0.2)
        up, kept = centre.query("up == 1", time.time()), centre.query('{__name__=~"studyscope_local_.*"}', time.time())

    assert len(up) == len(jobs)
    assert kept == []


needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
EXPORTER = 'job="studyscope-exporter",instance="exporter:9411"'
UP = {"series": f"up{{{EXPORTER}}}", "values": "1x1000"}
# alert: series, values every five minutes that fire, when they do, and values of which none fires
CASES: dict[str, tuple[str, str, str, str]] = {
    "studyscope_exporter_down": ("up", "0x1000", "20m", "1x1000"),
    "studyscope_scan_overdue": ("studyscope_local_scan_finished_timestamp_seconds", "0x1000", "50h", "172800x1000"),
    "studyscope_source_down": ("studyscope_local_source_up|source=archive", "0x1000", "20m", "1x1000"),
    "studyscope_delivery_failing": ("studyscope_local_reports_waiting|study=liver", "2x1000", "125m", "1x1000"),
    "studyscope_reports_refused": ("studyscope_local_reports_refused|study=liver", "1x1000", "10m", "0x1000"),
    "studyscope_frozen": ("studyscope_local_frozen|study=liver", "1x1000", "10m", "0x1000"),
    "studyscope_approval_pending": ("studyscope_local_tables_to_approve|study=liver", "9x1000", "73h", "9x800 0x200"),
    "studyscope_jobs_stuck": ("studyscope_local_jobs_stuck|study=liver", "1x1000", "20m", "0x1000"),
    "studyscope_images_missing": ("studyscope_local_images_missing|study=liver", "1x1000", "20m", "0x1000"),
    "studyscope_storage_low": ("studyscope_local_storage_low", "1x1000", "20m", "0x1000"),
    "studyscope_held_long": ("studyscope_local_releases_held|study=liver", "14x1000", "65m", "13x1000"),
}


@needs_promtool
@pytest.mark.parametrize("fires", [True, False])
def test_each_alert_of_the_house_fires_when_it_should_and_not_before(fires: bool, tmp_path: Path) -> None:
    tests = []
    for alert, (series, bad, when, good) in CASES.items():
        name, _, label = series.partition("|")
        own = f',{label.replace("=", chr(61) + chr(34))}"' if label else ""
        given = [{"series": f"{name}{{{EXPORTER}{own}}}", "values": bad if fires else good}]
        given += [UP] if name != "up" else []
        given += [{"series": f"studyscope_local_storage_free_bytes{{{EXPORTER}}}", "values": "1073741824x1000"}]
        tests.append({"interval": "5m", "input_series": given, "promql_expr_test": [_count(alert, when, 1 if fires else 0)]})
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": tests}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def _count(alert: str, when: str, expected: int) -> dict[str, Any]:
    expr = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    return {"expr": expr, "eval_time": when, "exp_samples": [{"labels": "{}", "value": expected}]}


def test_every_alert_of_the_house_has_a_section_that_says_what_to_do() -> None:
    page = (ROOT / "docs" / "own-prometheus.md").read_text()
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]

    assert {rule["alert"] for rule in rules} == set(CASES)
    for rule in rules:
        assert f"\n### {rule['alert']}\n" in page
        assert rule["annotations"]["runbook"] == f"own-prometheus.md#{rule['alert']}"


def test_every_gauge_of_the_house_is_on_the_page() -> None:
    page = (ROOT / "docs" / "own-prometheus.md").read_text()
    names = {family.name for family in LocalMetrics().registry.collect()}

    assert len(names) > 10
    assert not [name for name in names if f"`{name}" not in page and f"`{name.removeprefix('studyscope_local')}" not in page]
