"""Durable signed pushes beside Pushgateway without its consistency check and beside the floor, in turns, by wrk.

Needs wrk and Pushgateway (Debian: wrk, prometheus-pushgateway). 1,000 sites in turns over 8 connections, about 200
numbers a report, a signed receipt for each. The load generator takes part of the processors. Pushgateway keeps the
numbers in memory only and looks at no signature; the floor reads the body and answers 204. At the end the centre's
own count of accepted reports and the rows of its store are compared with what wrk saw answered.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from centre_under_load import Server, free_port, new_keys, processor_seconds, read_keys, serve_centre, serve_floor
from prebuilt_reports import exposition_of, signed_reports, written

from studyscope_contract.keys import SigningKey

CONNECTIONS = 8
SCRIPT = "push.lua"
MOVING = {"same": 0, "three": 3, "all": 1000}
"""Tables that move in each report."""

_LUA = """
local requests
local again
function init(args) requests, again = io.open(args[1], "rb"), args[2] == "again" end
function request()
  local address = requests:read("*l")
  if address == nil and again then requests:seek("set"); address = requests:read("*l") end
  if address == nil then wrk.thread:stop(); return wrk.format("GET", "/healthz") end
  return wrk.format("POST", address, nil, requests:read(tonumber(requests:read("*l"))))
end
function done(summary, latency, _)
  local failed = summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format('{"requests":%d,"seconds":%f,"p50":%f,"p95":%f,"failed":%d}\\n', summary.requests,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, failed))
end
"""


@dataclass(frozen=True)
class Measured:
    """Requests a second, milliseconds to an answer, microseconds of the server's processor time a request."""

    rate: float
    p50: float
    p95: float
    spent: float
    requests: int


def pushed(port: int, process_id: int, script: Path, requests: Path, seconds: int, *, again: bool = False) -> Measured:
    """What wrk saw, with the requests from the first on `again` where they end; raises SystemExit where one failed."""
    before = processor_seconds(process_id)
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    done = subprocess.run(
        ["wrk", *options, "--", str(requests), "again" if again else ""], capture_output=True, text=True, check=True
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    if seen["failed"]:
        raise SystemExit(f"{seen['failed']} of {seen['requests']} requests failed:\n{done.stdout}")
    spent = (processor_seconds(process_id) - before) / seen["requests"] * 1e6
    return Measured(seen["requests"] / seen["seconds"], seen["p50"], seen["p95"], spent, seen["requests"])


@contextmanager
def pushgateway(sites: Iterable[str], text: bytes) -> Iterator[tuple[int, int]]:
    """Port and process of a running Pushgateway with all its groups there."""
    program = shutil.which("pushgateway") or shutil.which("prometheus-pushgateway")
    if program is None or shutil.which("wrk") is None:
        raise SystemExit("needs wrk and Pushgateway: apt-get install wrk prometheus-pushgateway")
    port = free_port()
    options = [f"--web.listen-address=127.0.0.1:{port}", "--push.disable-consistency-check", "--log.level=error"]
    with subprocess.Popen([program, *options]) as process:
        try:
            while not _answers(f"http://127.0.0.1:{port}/-/ready"):
                time.sleep(0.1)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                for site in sites:
                    client.post(f"/metrics/job/{site}", content=text).raise_for_status()
            yield port, process.pid
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


class Sender:
    """Hands in reports of every site, each run going on where the last one ended."""

    def __init__(self, folder: Path, centre: Server, keys: dict[str, SigningKey], each: int) -> None:
        self._folder, self._centre, self._keys, self._each = folder, centre, keys, each
        self._next = 1
        self.answered = self.runs = 0

    def run(self, moving: int, seconds: int) -> Measured:
        """Where nothing moves after one report of each site, as the first of them is not that of the run before."""
        if moving == 0:
            self._sent(0, 2, 2)
        measured = self._sent(moving, self._each, seconds)
        if measured.requests >= self._each * len(self._keys):
            raise SystemExit(f"{measured.requests} requests were not enough for {seconds} s: prepare more (--most)")
        return measured

    def _sent(self, moving: int, each: int, seconds: int) -> Measured:
        bodies = signed_reports(self._keys, self._next, each, moving=moving)
        requests = written(self._folder / "requests", (("/api/v1/reports", body) for body in bodies))
        self._next += each
        measured = pushed(self._centre.port, self._centre.number, self._folder / SCRIPT, requests, seconds)
        self.answered += measured.requests
        self.runs += 1
        return measured


def texts(folder: Path, sites: Iterable[str], number: int) -> Path:
    bodies = [exposition_of(moves) for moves in range(number)]
    return written(folder / "texts", ((f"/metrics/job/{site}", body) for body in bodies for site in sites))


def measure(folder: Path, sites: int, seconds: int, rounds: int, most: int) -> dict[str, list[Measured]]:
    """Rounds of every kind of push, one kind after the other in each."""
    script, home, found, keys = folder / SCRIPT, folder / "centre", defaultdict(list), new_keys(sites)
    script.write_text(_LUA)
    port, floor_port = free_port(), free_port()
    with (
        pushgateway(keys, exposition_of(0)) as (peer, peer_process),
        Server(serve_floor, floor_port, b"", port=floor_port) as floor,
        Server(serve_centre, str(home), port, port=port, keys=keys, durable=True) as centre,
    ):
        each = 1 + most * seconds // sites
        plain, sender = texts(folder, keys, 2), Sender(folder, centre, read_keys(keys), each)
        for _ in range(rounds):
            found["floor"].append(pushed(floor_port, floor.number, script, plain, seconds, again=True))
            found["Pushgateway"].append(pushed(peer, peer_process, script, plain, seconds, again=True))
            for name, moving in MOVING.items():
                found[name].append(sender.run(moving, seconds))
        check_stored(home, port, sender.answered, sender.runs)
    return found


def check_stored(home: Path, port: int, answered: int, runs: int) -> None:
    """Every answer is a row; what was on its way when a run ended has a row and no answer."""
    with sqlite3.connect(home / "store.sqlite") as store:
        (rows,) = store.execute("SELECT count(*) FROM reports").fetchone()
        (places,) = store.execute("SELECT count(*) FROM (SELECT DISTINCT study, site, sequence FROM reports)").fetchone()
    own = httpx.get(f"http://127.0.0.1:{port}/metrics/self", trust_env=False).text
    accepted = next(line for line in own.splitlines() if line.startswith('studyscope_reports_total{outcome="accepted"}'))
    if not answered <= rows <= answered + CONNECTIONS * runs or places != rows or float(accepted.split()[1]) < answered:
        raise SystemExit(f"{answered} reports were answered, {accepted}, {rows} are stored at {places} places")


def show(found: dict[str, list[Measured]]) -> None:
    words = {
        "floor": "raw ASGI: reads the body, answers 204",
        "Pushgateway": "Pushgateway without its check, in memory, unsigned",
        "same": "signed, durable; nothing moved since the report before",
        "three": "signed, durable; three tables moved in each report",
        "all": "signed, durable; every table moved in each report",
    }
    middle = {
        name: [statistics.median(getattr(one, what) for one in many) for what in ("rate", "p50", "p95", "spent")]
        for name, many in found.items()
    }
    peer = middle["Pushgateway"]
    print("| push | a second | p50 ms | p95 ms | processor time | rate, of Pushgateway | p95, of Pushgateway |")
    print("|---|---|---|---|---|---|---|")
    for name, (rate, p50, p95, spent) in middle.items():
        ratios = f"{rate / peer[0]:.2f} x | {p95 / peer[2]:.2f} x"
        print(f"| {words[name]} | {rate:,.0f} | {p50:.1f} | {p95:.1f} | {spent:.0f} us | {ratios} |")
    print(
        "rounds: "
        + "; ".join(f"{name} " + " ".join(f"{one.rate:.0f}/s p95 {one.p95:.1f}" for one in many) for name, many in found.items())
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=1000, help="with a key and a group each (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=4, help="of each round (default: %(default)s)")
    parser.add_argument("--most", type=int, default=4000, help="requests a second that are prepared (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.sites, options.seconds, options.rounds, options.most)
    rounds = f"{options.rounds} rounds of {options.seconds} s"
    print(f"{options.sites} sites, {CONNECTIONS} connections, {rounds}; load {os.getloadavg()[0]:.1f}")
    show(found)


if __name__ == "__main__":
    main()
