"""`check` follows the line to a centre step by step; every step fails for real here, on the loopback."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from aggregator_cast import NOW, Centre, StandingClock, a_report, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.study import Study
from studyscope_contract.yaml_file import read_yaml
from studyscope_exporter.checking.enrolment import enrolment
from studyscope_exporter.checking.line import line_to
from studyscope_exporter.checking.state_folder import file_system_of, state_folder
from studyscope_exporter.delivery.push import CentreClient
from studyscope_exporter.settings import Centre as CentreSettings
from tls_certificate import certificate


def said(url: str, now: dt.datetime | None = None, environment: Mapping[str, str] = {}, **more: object) -> tuple[bool, str]:
    """Whether everything was right, and the sentences."""
    centre = CentreSettings.model_validate({"url": url, **more})
    findings = list(line_to(centre, now or dt.datetime.now(dt.UTC), environment))
    return all(finding.ok for finding in findings), " | ".join(finding.message for finding in findings)


class Answer(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def answering(status: int = 200, certificate: Path | None = None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Always", (Answer,), {"status": status}))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign] - a client that refuses us is what is tested
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_centre_that_answers_is_named_with_the_way_for_the_firewall_form() -> None:
    with answering() as url:
        good, words = said(url)

    assert good
    assert f"outbound TCP from this machine to 127.0.0.1, port {url.rpartition(':')[2]}; nothing inbound" in words
    assert "this machine's clock and the centre's agree" in words


def test_a_name_that_nobody_knows_is_a_question_of_dns() -> None:
    assert "DNS" in said("https://no-such-centre.invalid")[1]


def test_a_port_where_nobody_listens_is_told_as_such() -> None:
    good, words = said("http://127.0.0.1:9")

    assert not good
    assert "the centre at 127.0.0.1, port 9: Connection refused" in words


def test_with_a_proxy_the_proxy_is_what_has_to_be_reached() -> None:
    good, words = said("https://centre.example", proxy="http://127.0.0.1:9")

    assert not good
    assert "the proxy at 127.0.0.1, port 9" in words


def test_a_proxy_of_the_environment_is_not_used_and_that_is_said() -> None:
    with answering() as url:
        assert "HTTPS_PROXY is set but not used" in said(url, environment={"HTTPS_PROXY": "http://127.0.0.1:9"})[1]


def test_an_unknown_authority_asks_for_the_hospitals_own(tmp_path: Path) -> None:
    with answering(certificate=certificate(tmp_path)) as url:
        good, words = said(url)

    assert not good
    assert "write `ca_file:` below `centre`" in words


def test_with_the_hospitals_authority_the_line_is_good(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    with answering(certificate=file) as url:
        assert said(url, ca_file=file)[0]


def test_a_certificate_of_another_name_and_an_expired_one_are_told_apart(tmp_path: Path) -> None:
    other = certificate(tmp_path, address="127.0.0.9")
    with answering(certificate=other) as url:
        assert "shows a certificate of another name" in said(url, ca_file=other)[1]
    old = certificate(tmp_path, until=-dt.timedelta(days=1))
    with answering(certificate=old) as url:
        assert "has expired" in said(url, ca_file=old, now=dt.datetime.now(dt.UTC) - dt.timedelta(days=3))[1]


def test_an_authority_file_that_is_none_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    assert "cannot be read" in said("http://127.0.0.1:9", ca_file=file)[1]
    file.write_text("-----BEGIN NOTHING-----")
    assert "holds no certificate" in said("http://127.0.0.1:9", ca_file=file)[1]
    assert "has expired" in said("http://127.0.0.1:9", ca_file=certificate(tmp_path, until=-dt.timedelta(days=1)))[1]


@pytest.mark.parametrize(
    ("status", "words"),
    [(302, "log-in page"), (403, "refuses"), (404, "no Studyscope centre"), (407, "exception"), (502, "nothing is lost")],
)
def test_an_answer_that_is_not_the_centres_is_explained(status: int, words: str) -> None:
    with answering(status) as url:
        good, told = said(url)

    assert not good
    assert words in told


def test_a_wrong_clock_is_told_with_its_minutes() -> None:
    with answering() as url:
        assert "30 min behind" in said(url, now=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=30))[1]
        assert "30 min ahead of" in said(url, now=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=30))[1]


@pytest.fixture
def at_centre(tmp_path: Path) -> Iterator[tuple[Centre, CentreClient, Study]]:
    centre = Centre(tmp_path / "registry")
    with served(create_app(centre.settings(), MemoryStore(), StandingClock(NOW))) as http:
        client = CentreClient(str(http.base_url), proxy=None, timeout_seconds=5)
        yield centre, client, read_yaml(tmp_path / "registry" / "studies" / "liver.yaml", Study)
        client.close()


def enrolled(
    client: CentreClient, study: Study, site: str = "berlin", sent: int = 0, key: str = "0123-4567-89ab-cdef"
) -> list[tuple[bool, str]]:
    return [(finding.ok, finding.message) for finding in enrolment(client, site, study, key, sent)]


def test_the_centre_tells_how_a_site_stands(at_centre: tuple[Centre, CentreClient, Study]) -> None:
    centre, client, study = at_centre
    known = centre.keys["berlin"].public.fingerprint

    assert enrolled(client, study, key=known) == [
        (True, "study liver: version 1 here and at the centre"),
        (True, f"our key {known} is accepted: the centre takes reports that this key signs"),
        (True, "study liver: the centre has no report of site berlin yet"),
    ]
    assert enrolled(client, study)[1] == (
        False, "the centre does not know our key 0123-4567-89ab-cdef: run enrol liver, then call the coordinator",
    )  # fmt: skip
    assert "does not name site paris" in enrolled(client, study, site="paris")[0][1]
    assert "the centre has no study lung" in enrolled(client, study.model_copy(update={"id": "lung"}))[0][1]


def test_a_study_file_of_another_version_is_told(at_centre: tuple[Centre, CentreClient, Study]) -> None:
    _, client, study = at_centre

    assert enrolled(client, study.model_copy(update={"version": 2}))[0][0] is False
    assert "differ" in enrolled(client, study.model_copy(update={"title": "Other"}))[0][1]
    older = study.model_copy(update={"version": 0})
    assert enrolled(client, older)[0] == (True, "study liver: the centre has version 1, here is 0: see study diff liver")


def test_a_state_that_is_behind_the_centre_is_an_old_copy(at_centre: tuple[Centre, CentreClient, Study]) -> None:
    centre, client, study = at_centre
    client._http.post("/api/v1/reports", content=centre.signed(a_report(sequence=7)).to_bytes()).raise_for_status()

    assert enrolled(client, study, sent=7)[2] == (True, "study liver: the centre has our report 7")
    good, words = enrolled(client, study, sent=3)[2]
    assert not good
    assert "the centre has report 7, this machine made 3: the state is an old copy" in words


MOUNTED = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
28 27 0:25 / /run rw,nosuid - tmpfs tmpfs rw
29 27 0:26 / /srv/share rw - nfs4 filer:/share rw
30 27 0:27 / /srv/with\\040space rw - cifs //filer/x rw
31 27 0:28 / /layer rw - overlay overlay rw
"""


def test_the_file_system_of_a_folder_is_the_one_mounted_nearest_above_it() -> None:
    found = [
        file_system_of(Path(path), MOUNTED)
        for path in ("/var/lib", "/run/x", "/srv/share/a/b", "/srv/with space/x", "/srv/shared")
    ]

    assert found == ["ext4", "tmpfs", "nfs4", "cifs", "ext4"]


@pytest.mark.parametrize(
    ("kind", "words"), [("tmpfs", "gone after a restart"), ("nfs4", "network share"), ("overlay", "mount a volume")]
)
def test_a_state_folder_that_would_be_lost_or_damaged_is_refused(tmp_path: Path, kind: str, words: str) -> None:
    told = list(state_folder(tmp_path, f"27 1 254:0 / / rw - {kind} x rw\n"))

    assert any(not finding.ok and words in finding.message for finding in told)


def test_a_state_folder_that_others_can_read_is_told_with_the_command(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    assert any(f"chmod 700 {tmp_path}" in finding.message for finding in state_folder(tmp_path, MOUNTED))
