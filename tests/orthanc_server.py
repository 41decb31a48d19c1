"""A real Orthanc with its DICOMweb plugin, in a network of its own: it would listen on every address of the machine."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

USER, PASSWORD = "studyscope", "correct horse"
PORT = 8042
_CLONE_NEWNET = 0x4000_0000
_PLUGINS = Path("/usr/share/orthanc/plugins")
Result = TypeVar("Result")


def in_a_network_of_its_own(work: Callable[[], Result]) -> Result:
    """What `work` gives, in a thread that sees nothing but a loopback of its own, as do the programs it starts."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
                pytest.skip("needs the right to make a network namespace")
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again below, in the test's own thread
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


@contextmanager
def orthanc(folder: Path) -> Iterator[str]:
    """Runs while inside, within `in_a_network_of_its_own`; gives the address of its DICOMweb."""
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    if program is None or not any(_PLUGINS.glob("*OrthancDicomWeb*")) or shutil.which("ip") is None:
        pytest.skip("needs Orthanc and its DICOMweb plugin; Debian: apt-get install orthanc orthanc-dicomweb iproute2")
    folder.mkdir()
    settings = {
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "HttpPort": PORT,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "Plugins": [str(next(_PLUGINS.glob("*OrthancDicomWeb*")))],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    url = f"http://127.0.0.1:{PORT}"
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log) as running,
    ):
        try:
            for _ in range(200):
                try:
                    httpx.get(f"{url}/system", auth=(USER, PASSWORD), trust_env=False).raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(0.05)
            else:
                pytest.fail(f"Orthanc did not start:\n{(folder / 'log').read_text()[-2000:]}")
            yield f"{url}/dicom-web"
        finally:
            running.terminate()
            running.wait(20)


def store(paths: list[Path]) -> None:
    """Puts files into the Orthanc that runs."""
    with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", auth=(USER, PASSWORD), trust_env=False) as client:
        for path in paths:
            client.post("/instances", content=path.read_bytes()).raise_for_status()


def delete_series(series_uid: str) -> None:
    """Takes a series out of the Orthanc that runs."""
    with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", auth=(USER, PASSWORD), trust_env=False) as client:
        found = client.post("/tools/find", json={"Level": "Series", "Query": {"SeriesInstanceUID": series_uid}}).json()
        for one in found:
            client.delete(f"/series/{one}").raise_for_status()
