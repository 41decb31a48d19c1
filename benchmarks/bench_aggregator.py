"""The centre under load: /metrics of 200k samples, and durable signed pushes beside their floor and a peer.

Measured in turns in the same run: a raw ASGI application that reads the body and answers 204 (the floor
of a push), Pushgateway without its consistency check where it is on the PATH (memory only, no signature),
and the same bytes from a raw ASGI application (the floor of a scrape). Servers run in processes of their
own; with two cores the client takes one of them, so rates are lower bounds. The processor time of the
server for a report says more than the rate on a machine that others use too; the load is printed.

Pushes are measured with reports in which nothing moved since the one before, as most are, and with
reports of which a table moved each time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import multiprocessing
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from aggregator_cast import NOW, TODAY, Centre, StandingClock, a_report, a_study, a_table
from studyscope_aggregator.app import create_app
from studyscope_aggregator.serving import serve
from studyscope_aggregator.settings import Listen
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_aggregator.stores.sqlite import SqliteStore
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import ProtectedTable, SignedReport
from studyscope_contract.study import Study

CONNECTIONS = 8
ROUNDS = 3
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


def serve_aggregator(folder: str, port: int, *, durable: bool, filled: int, studies: int = 1, cells: int = 0) -> None:
    sites = site_names(max(filled, CONNECTIONS))
    centre = Centre(Path(folder), sites)
    settings = centre.settings()
    clock = StandingClock(NOW + dt.timedelta(days=5000))
    for file in (centre.folder / "sites.yaml", centre.folder / "studies" / "liver.yaml"):
        file.write_text(file.read_text().replace("2027-12-31", "2099-12-31"))
    names = ["liver", *(f"study-{number}" for number in range(1, studies))]
    for name in names[1:]:
        text = (centre.folder / "studies" / "liver.yaml").read_text().replace("id: liver\n", f"id: {name}\n")
        (centre.folder / "studies" / f"{name}.yaml").write_text(text)
    store = SqliteStore(settings.store) if durable else MemoryStore()
    app = create_app(settings, store, clock)
    write_keys(Path(folder), centre)
    shown = tables(cells or SAMPLES // filled) if filled else ()
    for site in sites if filled else ():
        for study in names:
            raw = SignedReport.sign(a_report(site, study=study, tables=shown), centre.keys[site]).to_bytes()
            app.state.wiring.consortium.take(Standing.of(SignedReport.from_bytes(raw).report, NOW))
    serve(app, Listen(host="127.0.0.1", port=port))


def site_names(number: int) -> tuple[str, ...]:
    return tuple(f"site-{n}" for n in range(number))


def write_keys(folder: Path, centre: Centre) -> None:
    for site in centre.sites[:CONNECTIONS]:
        centre.keys[site].save(folder / f"{site}.pem")


def serve_floor(port: int, body: bytes) -> None:
    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        length = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200 if body else 204, "headers": length})
        await send({"type": "http.response.body", "body": body})

    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off")


class Server:
    """One server process; ready when it answers."""

    def __init__(self, target: Callable[..., None], *arguments: Any, port: int, **options: Any) -> None:
        self.port = port
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=target, args=arguments, kwargs=options)

    def __enter__(self) -> Server:
        self.process.start()
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/healthz", trust_env=False)
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return self
        raise SystemExit("the server did not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.join(20)


async def posted(
    port: int, bodies: list[list[bytes]], address: Callable[[int], str] = lambda _: "/api/v1/reports"
) -> tuple[float, list[float], set[int]]:
    """Requests a second, their durations and statuses, one connection for each list of bodies."""
    durations: list[float] = []
    statuses: set[int] = set()

    async def one(connection: int, mine: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in mine:
            started = time.perf_counter()
            head = f"POST {address(connection)} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            statuses.add(int(answer.split()[1]))
            length = [int(line[15:]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(length[0] if length else 0)
            durations.append(time.perf_counter() - started)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one(number, mine) for number, mine in enumerate(bodies)))
    return len(durations) / (time.perf_counter() - started), durations, statuses


def signed_bodies(folder: Path, rounds: int, each: int, *, moving: bool) -> Iterator[list[list[bytes]]]:
    keys = {site: SigningKey.load(folder / f"{site}.pem") for site in site_names(CONNECTIONS)}
    shown = tables(200)
    for number in range(rounds):
        yield [
            [
                SignedReport.sign(a_report(site, n + 1, TODAY + n, moved(shown, n) if moving else shown), key).to_bytes()
                for n in range(number * each, (number + 1) * each)
            ]
            for site, key in keys.items()
        ]


def moved(shown: tuple[ProtectedTable, ...], step: int) -> tuple[ProtectedTable, ...]:
    """The tables with other numbers in the first one."""
    cells = tuple(cell.model_copy(update={"value": 20 + 10 * (step % 50)}) for cell in shown[0].cells)
    return (shown[0].model_copy(update={"cells": cells}), *shown[1:])


def exposition_bodies(each: int) -> list[list[bytes]]:
    """As many numbers as `signed_bodies` has, in the text format that Pushgateway reads."""
    cells = sum(len(table.cells) for table in tables(200))
    text = "# TYPE study_patients gauge\n" + "".join(
        f'study_patients{{table="some_table",code="code-{n}",unit="patient"}} {20 + n}\n' for n in range(cells)
    )
    return [[text.encode()] * each] * CONNECTIONS


def p95(durations: list[float]) -> float:
    return statistics.quantiles(durations, n=20)[-1] * 1000


def processor_seconds(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def pushgateway() -> Iterator[tuple[int, int] | None]:
    """Port and process of a running Pushgateway, None where it is not installed."""
    program = shutil.which("pushgateway") or shutil.which("prometheus-pushgateway")
    if program is None:
        print("  Pushgateway is not on the PATH (Debian: prometheus-pushgateway): no peer in this run")
        yield None
        return
    port = free_port()
    options = [f"--web.listen-address=127.0.0.1:{port}", "--push.disable-consistency-check", "--log.level=error"]
    with subprocess.Popen([program, *options]) as process:
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield port, process.pid
        process.terminate()


def bench_push(folder: Path, each: int = 100) -> None:
    print(f"push: {CONNECTIONS} connections, {each} reports each, about 200 numbers a report; load {os.getloadavg()[0]:.1f}")
    floor_port = free_port()
    with pushgateway() as peer, Server(serve_floor, floor_port, b"", port=floor_port):
        for moving in (False, True):
            port, home = free_port(), folder / ("moving" if moving else "repeated")
            with Server(serve_aggregator, str(home), port, port=port, durable=True, filled=0) as server:
                print("  a table moved in each report" if moving else "  nothing moved since the report before")
                for bodies in signed_bodies(home, ROUNDS, each, moving=moving):
                    _one_round(server, floor_port, peer, bodies, each)


def _one_round(server: Server, floor_port: int, peer: tuple[int, int] | None, bodies: list[list[bytes]], each: int) -> None:
    floor, floor_durations, _ = asyncio.run(posted(floor_port, bodies))
    beside = ""
    if peer is not None:
        texts, before = exposition_bodies(each), processor_seconds(peer[1])
        rate, durations, _ = asyncio.run(posted(peer[0], texts, lambda number: f"/metrics/job/site-{number}"))
        spent = (processor_seconds(peer[1]) - before) / len(durations) * 1e6
        beside = f"   Pushgateway, nothing on disk {rate:5.0f}/s p95 {p95(durations):5.1f} ms, {spent:4.0f} us"
    assert server.process.pid is not None
    before = processor_seconds(server.process.pid)
    rate, durations, statuses = asyncio.run(posted(server.port, bodies))
    spent = (processor_seconds(server.process.pid) - before) / len(durations) * 1e6
    print(
        f"    durable signed push {rate:5.0f}/s p95 {p95(durations):5.1f} ms, {spent:4.0f} us of processor {sorted(statuses)}   "
        f"raw ASGI {floor:5.0f}/s p95 {p95(floor_durations):5.1f} ms{beside}"
    )


def bench_memory(folder: Path, sites: int = 1000, studies: int = 5) -> None:
    """What a centre holds in memory with so many sites in so many studies, each with about 200 numbers."""
    port = free_port()
    with Server(
        serve_aggregator, str(folder), port, port=port, durable=False, filled=sites, studies=studies, cells=200
    ) as server:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
        print(f"memory: {sites} sites x {studies} studies x about 200 numbers: {resident:.0f} MB resident")


def bench_scrape(folder: Path, sites: int = 610) -> None:
    port, floor_port = free_port(), free_port()
    with Server(serve_aggregator, str(folder), port, port=port, durable=False, filled=sites):
        page, first = rendered(f"http://127.0.0.1:{port}/metrics")
        samples = page.count(b"\n") - page.count(b"\n#")
        print(f"scrape: {samples} samples, {len(page) / 1e6:.1f} MB, first rendering {first * 1000:.0f} ms")
        with Server(serve_floor, floor_port, page, port=floor_port):
            for encoding in ("identity", "gzip"):
                took = fetched(f"http://127.0.0.1:{port}/metrics", encoding)
                floor = fetched(f"http://127.0.0.1:{floor_port}/", "identity")
                print(f"  {encoding:8} {took:6.1f} ms   raw ASGI with the plain bytes {floor:6.1f} ms   ratio {took / floor:.2f}")


def rendered(url: str) -> tuple[bytes, float]:
    """The page as it is made for the first time, and the seconds that took."""
    started = time.perf_counter()
    page = httpx.get(url, headers={"Accept-Encoding": "identity"}, timeout=120, trust_env=False).content
    return page, time.perf_counter() - started


def fetched(url: str, encoding: str) -> float:
    """Median milliseconds to have the whole body, undecoded."""
    times = []
    with httpx.Client(timeout=60, trust_env=False, headers={"Accept-Encoding": encoding}) as client:
        for _ in range(9):
            started = time.perf_counter()
            with client.stream("GET", url) as answer:
                for _chunk in answer.iter_raw():
                    pass
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench_push(Path(folder) / "push")
        bench_scrape(Path(folder) / "scrape")
        bench_memory(Path(folder) / "memory")


if __name__ == "__main__":
    main()
