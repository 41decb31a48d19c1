"""Authorities of a hospital in a folder, its proxy, and a centre that asks sites for a certificate: real nginx, real TLS."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from aggregator_cast import TODAY, Centre, StandingClock, a_report, served
from relay import Line, relay
from studyscope_aggregator.__main__ import main
from studyscope_aggregator.app import create_app
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.yaml_file import FileProblem
from studyscope_exporter.delivery.outbox import Outbox
from studyscope_exporter.delivery.push import CentreClient, NotDelivered
from studyscope_exporter.delivery.trust import Trust
from studyscope_exporter.settings import parse_site_file
from tls_certificate import certificate, certificate_by


def nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        pytest.skip("no nginx on this machine (Debian: apt-get install nginx-light)")
    return found


@contextmanager
def front_door(folder: Path, *more: str) -> Iterator[int]:
    """A centre behind the nginx that `init` writes; its port. The certificate is `folder`/127.0.0.1.pem."""
    program, pem = nginx(), certificate(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    answers = ["--host", "centre.example", "--study", "liver", "--title", "Liver", "--lead", "A=a@centre.example"]
    answers += ["--coordinator", "o@centre.example", "--site", "berlin=B,B,52.5,13.4", "--smtp", "127.0.0.1:25"]
    answers += ["--sender", "s@centre.example", "--https-port", str(port), *more]
    assert main(["--config", str(folder / "centre" / "centre.yaml"), "init", *answers]) == 0
    for name in ("tls.crt", "tls.key"):
        shutil.copy(pem, folder / "centre" / "nginx" / name)
    registry = Centre(folder / "registry")
    registry.keys["berlin"].save(folder / "berlin-signs.pem")
    with served(create_app(registry.settings(), MemoryStore(), StandingClock())) as behind:
        conf = folder / "centre" / "nginx" / "studyscope.conf"
        conf.write_text(conf.read_text().replace("127.0.0.1:8400", f"127.0.0.1:{behind.base_url.port}"))
        (folder / "nginx.conf").write_text(
            f"user {getpass.getuser()}; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; events {{}}\n"
            f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;"
            f" fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; include {conf}; }}\n"
        )
        with subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]) as process:
            try:
                wait_for(port, folder)
                outbox = Outbox(folder / "outbox")
                outbox.put(registry.signed(a_report(tables=(), grid_point=TODAY)))
                yield port
            finally:
                process.terminate()


def wait_for(port: int, folder: Path) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError((folder / "nginx-error.log").read_text())


@contextmanager
def client(port: int, trust: Trust, proxy: str | None = None) -> Iterator[CentreClient]:
    opened = CentreClient(f"https://127.0.0.1:{port}", proxy=proxy, timeout_seconds=10, trust=trust)
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.real
def test_a_centre_can_ask_sites_for_a_certificate_of_its_authority(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    authority = certificate(tmp_path / "sites")
    ours, foreign = certificate_by(authority, "berlin"), certificate(tmp_path / "sites", address="127.0.0.2")
    (tmp_path / "centre" / "nginx").mkdir(parents=True)
    shutil.copy(authority, tmp_path / "centre" / "nginx" / "sites-ca.crt")
    with front_door(tmp_path, "--site-certificates") as port:
        outbox, known = Outbox(tmp_path / "outbox"), tmp_path / "127.0.0.1.pem"
        with client(port, Trust(known)) as without, pytest.raises(NotDelivered, match="wants a TLS certificate of the site"):
            without.deliver(outbox)
        with client(port, Trust(known, None, foreign, foreign)) as wrong, pytest.raises(NotDelivered, match="400"):
            wrong.deliver(outbox)
        assert len(outbox.waiting()) == 1, "nothing was set aside"
        with client(port, Trust(known, None, ours, ours)) as right:
            assert right.deliver(outbox).accepted == 1
        with httpx.Client(verify=Trust(known).context(), trust_env=False) as person:
            assert person.get(f"https://127.0.0.1:{port}/").status_code == 302, "people need none"


@pytest.mark.real
def test_authorities_of_a_folder_and_a_proxy_lead_to_the_centre(tmp_path: Path) -> None:
    with front_door(tmp_path) as port, relay(Line()) as proxy:
        folder = tmp_path / "authorities"
        folder.mkdir()
        (folder / "readme.txt").write_text("from the network department")
        through, outbox = f"http://127.0.0.1:{proxy.port}", Outbox(tmp_path / "outbox")
        (folder / "other.crt").write_bytes(certificate_by(tmp_path / "127.0.0.1.pem", "other").read_bytes())
        with (
            client(port, Trust(ca_folder=folder), through) as lost,
            pytest.raises(NotDelivered, match="certificate verify failed"),
        ):
            lost.deliver(outbox)
        shutil.copy(tmp_path / "127.0.0.1.pem", folder / "hospital.pem")
        with client(port, Trust(ca_folder=folder), through) as found:
            assert found.deliver(outbox).accepted == 1
    assert set(proxy.asked) == {f"CONNECT 127.0.0.1:{port} HTTP/1.1"}


def test_a_folder_or_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"holds no file \*\.pem or \*\.crt"):
        Trust(ca_folder=tmp_path).context()
    (tmp_path / "a.pem").write_text("no certificate")
    with pytest.raises(FileProblem, match=r"a\.pem.*no certificate in PEM form"):
        Trust(ca_folder=tmp_path).context()
    with pytest.raises(FileProblem, match=r"site\.pem.*cannot be read"):
        Trust(certificate=tmp_path / "site.pem").context()


def test_half_a_certificate_is_a_mistake_in_the_site_file(tmp_path: Path) -> None:
    text = "site: a\nstate: s\nkeys: k\nstudies: [{study_file: s.yaml, centre: {url: 'https://c.example', client_certificate: c.pem}}]\n"
    with pytest.raises(FileProblem, match="give both or none"):
        parse_site_file(text.encode(), tmp_path / "site.yaml")
