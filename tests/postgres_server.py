"""A real PostgreSQL on a free port of the loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest


def _program(name: str) -> str:
    found = shutil.which(name) or next(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None)
    if found is None:
        pytest.skip(f"needs PostgreSQL ({name}); Debian: apt-get install postgresql")
    return os.path.realpath(found)


@contextmanager
def postgres() -> Iterator[str]:
    """Runs while inside; gives its SQLAlchemy address, of a user who may do everything."""
    initdb, server = _program("initdb"), _program("postgres")
    if os.geteuid() == 0 and not shutil.which("runuser"):
        pytest.skip("PostgreSQL does not run as root, and there is no runuser")
    # It refuses to run as root, and its user cannot enter a folder of pytest's.
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="studyscope-postgres-", ignore_cleanup_errors=True) as folder:
        if as_owner:
            shutil.chown(folder, "postgres")
        data = f"{folder}/data"
        subprocess.run(
            [*as_owner, initdb, "-D", data, "-A", "trust", "-U", "owner", "--no-sync"], check=True, capture_output=True, cwd="/"
        )
        options = ["-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with subprocess.Popen([*as_owner, server, "-D", data, *options], stderr=subprocess.DEVNULL, cwd="/") as running:
            try:
                address = f"postgresql://owner@127.0.0.1:{port}/postgres"
                _wait_for(address)
                yield address
            finally:
                running.terminate()
                running.wait(20)


def _wait_for(address: str) -> None:
    for _ in range(200):
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("PostgreSQL did not start")


_numbers = count(1)


def new_database(address: str) -> str:
    """The address of an empty database on the server at `address`."""
    name = f"database{next(_numbers)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return address.rpartition("/")[0] + f"/{name}"
