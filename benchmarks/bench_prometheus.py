"""Prometheus' own scrape_duration_seconds: the centre's /metrics, the same page ready made, Pushgateway with as many samples.

Needs Prometheus and Pushgateway (Debian: prometheus, prometheus-pushgateway). Each is scraped by a new Prometheus of its own,
one after the other; all three answer compressed. Only scrapes that brought the whole page count, and of them not the first,
which makes the series; nan stands where none came within its interval. With the defaults it takes under four minutes.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from bench_push import pushgateway
from centre_under_load import Server, free_port, new_keys, resident_megabytes, serve_centre, serve_floor

CELLS = 450
"""Numbers of a site's report."""


@contextmanager
def prometheus(folder: Path, target: int, interval: int) -> Iterator[str]:
    """The address of a Prometheus that scrapes this port, as job `it`."""
    program = shutil.which("prometheus")
    if program is None:
        raise SystemExit("needs Prometheus: apt-get install prometheus")
    jobs = [{"job_name": "it", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}]
    times = {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s"}
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"global": times, "scrape_configs": jobs}))
    port = free_port()
    options = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with (folder / "log").open("wb") as log:
        command = [program, *options, f"--web.listen-address=127.0.0.1:{port}"]
        with subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def durations(folder: Path, port: int, seconds: int, interval: int, samples: int) -> list[float]:
    """Seconds of every scrape of `port` that brought nearly so many `samples`, the first left out."""
    folder.mkdir()
    with prometheus(folder, port, interval) as url:
        time.sleep(seconds)
        ((took,), (brought,)) = (
            [series["values"] for series in _series(url, f'{name}{{job="it"}}[{seconds}s]')]
            for name in ("scrape_duration_seconds", "scrape_samples_scraped")
        )
    whole = {when for when, number in brought if int(number) > 0.9 * samples}
    return [float(each) for when, each in took if when in whole][1:]


def _series(url: str, query: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=30, trust_env=False).raise_for_status()
    series: list[dict[str, Any]] = answer.json()["data"]["result"]
    return series


def page_of(port: int) -> tuple[bytes, bytes]:
    """/metrics of the centre, plain and as it is sent compressed."""
    with httpx.Client(timeout=120, trust_env=False) as client:
        plain = client.get(f"http://127.0.0.1:{port}/metrics", headers={"Accept-Encoding": "identity"}).content
        with client.stream("GET", f"http://127.0.0.1:{port}/metrics", headers={"Accept-Encoding": "gzip"}) as answer:
            return plain, b"".join(answer.iter_raw())


def as_many(samples: int) -> bytes:
    lines = (f'study_patients{{table="some_table",code="code-{n}",unit="patient"}} {20 + n}\n' for n in range(samples))
    return ("# TYPE study_patients gauge\n" + "".join(lines)).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=330, help="default: %(default)s, about 200,000 samples")
    parser.add_argument("--seconds", type=int, default=42, help="how long each is scraped (default: %(default)s)")
    parser.add_argument("--interval", type=int, default=7, help="seconds (default: %(default)s)")
    options = parser.parse_args()
    port, floor_port, keys = free_port(), free_port(), new_keys(options.sites)
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)

        def scraped(name: str, target: int) -> None:
            found[name] = durations(home / f"scraped {name}", target, options.seconds, options.interval, samples)

        with Server(serve_centre, str(home / "centre"), port, port=port, keys=keys, durable=False, cells=CELLS) as centre:
            plain, packed = page_of(port)
            samples = plain.count(b"\n") - plain.count(b"\n#")
            scraped("centre", port)
            memory = [resident_megabytes(centre.number)]
        with Server(serve_floor, floor_port, packed, "gzip", port=floor_port):
            scraped("ready made", floor_port)
        with pushgateway(keys, as_many(samples // options.sites)) as (peer, peer_process):
            scraped("Pushgateway", peer)
            memory.append(resident_megabytes(peer_process))
    middle = {job: statistics.median(took) if took else math.nan for job, took in found.items()}
    print(f"{samples} samples, {len(plain) / 1e6:.1f} MB plain, {len(packed) / 1e6:.2f} MB gzip; load {os.getloadavg()[0]:.1f}")
    for job, seconds in middle.items():
        print(f"  {job:12} {seconds:6.3f} s  (" + " ".join(f"{one:.2f}" for one in found[job]) + ")")
    print(f"  centre / ready made {middle['centre'] / middle['ready made']:.2f}")
    print(f"  centre / Pushgateway {middle['centre'] / middle['Pushgateway']:.2f}")
    print(f"  resident: centre {memory[0]:.0f} MB, Pushgateway {memory[1]:.0f} MB")


if __name__ == "__main__":
    main()
