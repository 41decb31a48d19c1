"""The centre's /metrics of 200k samples beside the same bytes from a raw ASGI application, and its memory.

Servers run in processes of their own; the load is printed. Pushes are measured by `bench_push.py`.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import tempfile
import time
from pathlib import Path

import httpx
from centre_under_load import SAMPLES, Server, free_port, new_keys, resident_megabytes, serve_centre, serve_floor


def bench_memory(folder: Path, numbers: int, sites: int = 1000, studies: int = 5) -> None:
    """What a centre holds in memory with so many sites in so many studies, its page made and sent as Prometheus asks for it."""
    port = free_port()
    options = {"keys": new_keys(sites), "durable": True, "studies": studies, "cells": numbers}
    with Server(serve_centre, str(folder), port, port=port, **options) as server:
        fetched(port, "/metrics", "gzip", times=3, pause=1.2)
        megabytes = resident_megabytes(server.number)
        print(f"memory: {sites} sites x {studies} studies x about {numbers} numbers: {megabytes:.0f} MB resident")


def bench_scrape(folder: Path, sites: int = 440) -> None:
    port, floor_port = free_port(), free_port()
    options = {"keys": new_keys(sites), "durable": False, "cells": SAMPLES // sites}
    with Server(serve_centre, str(folder), port, port=port, **options):
        page, first = rendered(f"http://127.0.0.1:{port}/metrics")
        samples = page.count(b"\n") - page.count(b"\n#")
        print(f"scrape: {samples} samples, {len(page) / 1e6:.1f} MB, first rendering {first * 1000:.0f} ms")
        with Server(serve_floor, floor_port, page, port=floor_port):
            for encoding in ("identity", "gzip"):
                took = fetched(port, "/metrics", encoding)
                floor = fetched(floor_port, "/", "identity")
                print(f"  {encoding:8} {took:6.1f} ms, {took / samples * 200_000:.1f} ms for 200,000 samples")
                anew = fetched(port, "/metrics", encoding, times=9, pause=1.2)
                print(f"    a page that nobody has asked for in this second: {anew:.1f} ms")
                print(f"    raw ASGI with the plain bytes {floor:.1f} ms, ratio {took / floor:.2f}")


def rendered(url: str) -> tuple[bytes, float]:
    """The page as it is made for the first time, and the seconds that took."""
    started = time.perf_counter()
    page = httpx.get(url, headers={"Accept-Encoding": "identity"}, timeout=120, trust_env=False).content
    return page, time.perf_counter() - started


def fetched(port: int, path: str, encoding: str, *, times: int = 21, pause: float = 0) -> float:
    """Median milliseconds to have the whole body, undecoded, over one connection: read as a program in C or Go reads it.

    With a `pause` of more than a second the page is another one each time, as it is for Prometheus.
    """
    took, sizes, buffer = [], set(), bytearray(1 << 20)
    asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: {encoding}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        for _ in range(times):
            started = time.perf_counter()
            line.sendall(asked)
            head = b""
            while b"\r\n\r\n" not in head:
                head += line.recv(4096)
            head, _, body = head.partition(b"\r\n\r\n")
            left = size = int(head.lower().partition(b"content-length:")[2].split()[0])
            left -= len(body)
            while left:
                left -= line.recv_into(buffer, min(left, len(buffer)))
            took.append(time.perf_counter() - started)
            sizes.add(size)
            time.sleep(pause)
    if max(sizes) - min(sizes) > max(sizes) / 100:
        raise SystemExit(f"the page was not the same all the time: {sorted(sizes)} bytes")
    return statistics.median(took) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="?", choices=("scrape", "memory"), help="one of the two (default: both)")
    only = parser.parse_args().only
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        if only != "memory":
            bench_scrape(Path(folder) / "scrape")
        if only != "scrape":
            for numbers in (40, 200):  # 200,000 in all, as the goals have it, and a million
                bench_memory(Path(folder) / f"memory-{numbers}", numbers)


if __name__ == "__main__":
    main()
