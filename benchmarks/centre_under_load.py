"""Servers in processes of their own, full of sites and reports, for the benchmarks of the aggregator."""

from __future__ import annotations

import datetime as dt
import hashlib
import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from aggregator_cast import NOW, Centre, a_report, a_study, a_table
from studyscope_aggregator.app import create_app
from studyscope_aggregator.serving import SEND_BUFFER, serve
from studyscope_aggregator.settings import Listen
from studyscope_aggregator.store import Entry, Receipt
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_aggregator.stores.sqlite import SqliteStore
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import ProtectedTable, SignedReport
from studyscope_contract.study import Study

SAMPLES = 200_000


def tables(cells: int) -> tuple[ProtectedTable, ...]:
    """Tables of the catalogue, full of numbers, until there are about `cells` of them."""
    study = Study.model_validate(a_study())
    found: list[ProtectedTable] = []
    for key, table in study.tables():
        if sum(len(each.cells) for each in found) < cells:
            found.append(a_table(table.id, dict.fromkeys(study.codes(table), 20), key.per))
    return tuple(found)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def new_keys(sites: int) -> dict[str, bytes]:
    """A private key for each of so many sites, as PEM: another process can be given them."""
    as_pem = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    return {f"site-{n}": Ed25519PrivateKey.generate().private_bytes(*as_pem) for n in range(sites)}


def read_keys(keys: dict[str, bytes]) -> dict[str, SigningKey]:
    return {site: SigningKey.from_pem(pem, None, site) for site, pem in keys.items()}


def an_entry(signed: SignedReport) -> Entry:
    """The report as it is stored: a centre forgets what it shows and does not hold."""
    report, raw = signed.report, signed.to_bytes()
    receipt = Receipt(report.study, report.site, report.sequence, report.grid_point, hashlib.sha256(raw).hexdigest(), NOW)
    return Entry(receipt, raw, report.policy.grid.moment(report.grid_point), NOW)


def serve_centre(folder: str, port: int, *, keys: dict[str, bytes], durable: bool, studies: int = 1, cells: int = 0) -> None:
    """A centre whose sites are members for decades and signed receipts; `cells`: numbers of each report it begins with."""
    centre = Centre(Path(folder), tuple(keys))
    centre.keys = read_keys(keys)
    centre.write_sites()
    own = SigningKey.generate()
    own.save(Path(folder) / "centre.pem")
    settings = centre.settings().model_copy(update={"key": Path(folder) / "centre.pem"})
    for file in (centre.folder / "sites.yaml", centre.folder / "studies" / "liver.yaml"):
        file.write_text(file.read_text().replace("2027-12-31", "2099-12-31"))
    names = ["liver", *(f"study-{number}" for number in range(1, studies))]
    for name in names[1:]:
        text = (centre.folder / "studies" / "liver.yaml").read_text().replace("id: liver\n", f"id: {name}\n")
        (centre.folder / "studies" / f"{name}.yaml").write_text(text)
    store = SqliteStore(settings.store) if durable else MemoryStore()
    shown = tables(cells) if cells else ()
    for site in centre.sites if cells else ():
        for study in names:
            store.append(an_entry(SignedReport.sign(a_report(site, study=study, tables=shown), centre.keys[site]))).result()
    # Reports that it begins with are of today, those that are pushed of thousands of days.
    app = create_app(settings, store, AheadClock(0 if cells else 5000))
    serve(app, Listen(host="127.0.0.1", port=port))


def serve_floor(port: int, body: bytes, encoding: str = "identity") -> None:
    """Reads what is sent and answers with `body`: what no server in front of anything can be quicker than."""
    headers = [(b"content-length", str(len(body)).encode()), (b"content-encoding", encoding.encode())]

    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200 if body else 204, "headers": headers if body else []})
        await send({"type": "http.response.body", "body": body})

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listening.bind(("127.0.0.1", port))
        uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")).run(sockets=[listening])


class AheadClock:
    """The time of this machine, so many days ahead of the tests' present, so that every report is of the past."""

    def __init__(self, days: int) -> None:
        self._ahead = NOW + dt.timedelta(days=days) - dt.datetime.now(dt.UTC)

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self._ahead


class Server:
    """One server process; ready when it answers."""

    def __init__(self, target: Callable[..., None], *arguments: Any, port: int, **options: Any) -> None:
        self.port = port
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=target, args=arguments, kwargs=options)

    def __enter__(self) -> Server:
        self.process.start()
        deadline = time.monotonic() + 300
        with httpx.Client(trust_env=False) as client:
            while time.monotonic() < deadline:
                try:
                    client.get(f"http://127.0.0.1:{self.port}/healthz")
                except httpx.HTTPError:
                    time.sleep(0.2)
                else:
                    return self
        raise SystemExit("the server did not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.join(20)

    @property
    def number(self) -> int:
        """The process id."""
        assert self.process.pid is not None
        return self.process.pid


def processor_seconds(process_id: int) -> float:
    """What a process has used of the processors since it began, user and system."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(process_id: int) -> float:
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
