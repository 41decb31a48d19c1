"""`make audit` against a server that answers as osv.dev does, and where nobody answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

AUDIT = Path(__file__).parents[2] / "requirements" / "audit.py"
HASH = f"--hash=sha256:{'0' * 64}"
KNOWN = {
    "vulns": [
        {
            "id": "GHSA-0000-0000-0001",
            "summary": "Runs what a file says.",
            "published": "2020-01-01T00:00:00Z",
            "modified": "2020-01-01T00:00:00Z",
            "aliases": ["CVE-2020-0001"],
            "affected": [
                {
                    "package": {"name": "leaky", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
                }
            ],
        }
    ]
}


@pytest.fixture
def osv() -> Iterator[str]:
    """Knows something of the package leaky."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(KNOWN if asked["package"]["name"] == "leaky" else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A test prints nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()
    thread.join()


def audit(folder: Path, url: str, *packages: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("pip_audit", reason="pip-audit is not installed (extra deploy)")
    locked = folder / "locked.txt"
    locked.write_text("".join(f"{package} {HASH}\n" for package in packages))
    command = [sys.executable, str(AUDIT), "--osv", url, "--locked", str(locked)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_is_known_of_a_package_ends_the_audit_with_the_release_that_mends_it(tmp_path: Path, osv: str) -> None:
    done = audit(tmp_path, osv, "leaky==1.0", "tight==2.0")

    assert done.returncode == 1
    assert "leaky 1.0: " in done.stdout
    assert "mended in 1.1" in done.stdout
    assert "2 packages audited, 1 with known vulnerabilities" in done.stdout


def test_packages_of_which_nothing_is_known_pass(tmp_path: Path, osv: str) -> None:
    done = audit(tmp_path, osv, "tight==2.0")

    assert (done.returncode, done.stdout) == (0, "1 packages audited, 0 with known vulnerabilities\n")


def test_an_audit_that_nobody_answers_says_that_it_was_none(tmp_path: Path) -> None:
    done = audit(tmp_path, "http://127.0.0.1:9/v1/query", "tight==2.0")

    assert done.returncode == 0
    assert done.stdout.startswith("NOT AUDITED: no index answered (")
