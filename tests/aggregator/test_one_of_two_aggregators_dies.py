"""Two aggregator processes on one PostgreSQL behind nginx, as docs/replicas.md says; one is killed while a site delivers."""

from __future__ import annotations

import datetime as dt
import getpass
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from aggregator_cast import Centre, a_report
from postgres_server import new_database, postgres
from prometheus_server import free_port
from studyscope_aggregator.stores.postgres import PostgresStore
from studyscope_contract.grid import Grid
from studyscope_exporter.delivery.outbox import Outbox
from studyscope_exporter.delivery.push import CentreClient, NotDelivered

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

REPORTS = 60
DOCS = Path(__file__).parents[2] / "docs" / "replicas.md"


def nginx_of_the_docs(folder: Path, door: int, ports: tuple[int, int]) -> list[str]:
    """The `upstream` of the page, with our ports, before one location."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("no nginx on this machine (Debian: apt-get install nginx-light)")
    (block,) = re.findall(r"upstream .*?\n}", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    for name, port in zip(("127.0.0.1:8400", "127.0.0.1:8401"), ports, strict=True):
        assert name in block
        block = block.replace(name, f"127.0.0.1:{port}")
    places = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"user {getpass.getuser()}; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; events {{}}\n"
        f"http {{ access_log off; {places}\n{block}\n"
        f"server {{ listen 127.0.0.1:{door}; location / {{ proxy_pass http://studyscope_aggregators; }} }} }}\n"
    )
    return [program, "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]


def aggregator_of(folder: Path, port: int, database: str) -> list[str]:
    asked = conninfo_to_dict(database)
    store = {"host": asked["host"], "port": int(str(asked["port"])), "database": asked["dbname"], "user": asked["user"]}
    config = folder / f"centre-{port}.yaml"
    config.write_text(yaml.safe_dump({"registry": "registry", "store": store | {"sslmode": "disable"}, "listen": {"port": port}}))
    return [sys.executable, "-m", "studyscope_aggregator", "serve", "--config", str(config)]


@contextmanager
def started(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as sink, subprocess.Popen(command, stdout=sink, stderr=sink) as process:
        try:
            yield process
        finally:
            process.terminate()  # nginx that is killed leaves its worker behind


def answers(url: str, log: Path) -> None:
    for _ in range(3000):  # tries and not seconds: the machine may have other things to do
        try:
            if httpx.get(f"{url}/healthz", timeout=20, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AssertionError(log.read_text(encoding="utf-8"))


def deliver(url: str, outbox: Outbox) -> None:
    """As the exporter's service does: again until nothing waits, or something is wrong that time does not mend."""
    client = CentreClient(url, proxy=None, timeout_seconds=20)
    try:
        while outbox.waiting():
            try:
                client.deliver(outbox)
            except NotDelivered as problem:
                if not problem.temporary:
                    raise
    finally:
        client.close()


def test_nothing_is_lost_or_twice_and_the_door_stays_open(tmp_path: Path) -> None:
    centre, outbox = Centre(tmp_path / "registry"), Outbox(tmp_path / "outbox")
    today = Grid().index(dt.datetime.now(dt.UTC))
    for number in range(1, REPORTS + 1):
        outbox.put(centre.signed(a_report(sequence=number, grid_point=today - REPORTS + number, tables=())))
    door, ports = free_port(), (free_port(), free_port())
    url, log = f"http://127.0.0.1:{door}", tmp_path / "log"
    with ExitStack() as running:
        database = new_database(running.enter_context(postgres()))
        running.enter_context(started(nginx_of_the_docs(tmp_path, door, ports), log))
        first, _ = [running.enter_context(started(aggregator_of(tmp_path, port, database), log)) for port in ports]
        for port in ports:
            answers(f"http://127.0.0.1:{port}", log)
        delivery = threading.Thread(target=deliver, args=(url, outbox), daemon=True)
        delivery.start()
        while (outbox.last_delivered() or 0) < REPORTS // 4:
            time.sleep(0.01)
        first.kill()
        delivery.join(120)

        assert (len(outbox.waiting()), outbox.last_delivered(), outbox.refusals()) == (0, REPORTS, {})
        store = PostgresStore(database, "the database")
        stored = [entry.receipt.sequence for entry in store.reports("liver", "berlin", 0, 2 * REPORTS)]
        store.close()
        assert stored == list(range(1, REPORTS + 1))
        page = httpx.get(f"{url}/metrics", timeout=20, trust_env=False).text
        assert 'study_site_state{study="liver",site="berlin",state="fresh"} 1\n' in page
