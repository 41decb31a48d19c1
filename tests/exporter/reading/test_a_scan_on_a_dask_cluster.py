"""A real scheduler and real workers, over TLS: the same inventory, and a cluster that fails costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import ValidationError

from mail_sink import free_port
from site_cast import write_patient
from studyscope_contract.keys import SigningKey
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.identity import SiteIdentity
from studyscope_exporter.scan_cluster import DaskSettings, ScanCluster
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site
from tls_certificate import certificate

STUDY = """\
schema: 1
id: liver
title: Liver
version: 1
leads: [{name: Dr. Lead, mail: lead@study.example}]
sites: [{id: berlin, name: Berlin, city: Berlin, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01}]
stages: [imaged]
"""
PATIENTS = 24


@dataclass
class Cluster:
    """Programs of the machine that we start one by one."""

    folder: Path
    pem: Path
    address: str
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *words: str) -> None:
        tls = [f"--tls-ca-file={self.pem}", f"--tls-cert={self.pem}", f"--tls-key={self.pem}"]
        environment = os.environ | {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True"}
        with (self.folder / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", "dask", name.partition("-")[0], *words, *tls, "--no-dashboard"]
            self.running[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=environment)

    def stop(self, *names: str) -> None:
        for name in names or tuple(self.running):
            process = self.running.pop(name)
            process.terminate()
            process.wait(30)

    def wait_for(self, workers: int) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            (found,) = ScanCluster(self.settings()).check()
            if found.ok and f"{workers} workers" in found.message:
                return
            time.sleep(0.3)
        raise AssertionError("\n".join(path.read_text() for path in self.folder.glob("*.log")))

    def settings(self) -> DaskSettings:
        return DaskSettings.model_validate({"scheduler": self.address, "ca_file": self.pem, "certificate": self.pem})


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    port = free_port()
    made = Cluster(folder, certificate(folder), f"tls://127.0.0.1:{port}")
    with ExitStack() as stack:
        stack.callback(made.stop)
        made.start("scheduler", "--host=127.0.0.1", f"--port={port}", "--protocol=tls")
        for number in range(2):
            made.start(
                f"worker-{number}", made.address, "--host=127.0.0.1", "--nthreads=1", "--no-nanny", f"--name=worker{number}",
                f"--local-directory={folder}",
            )  # fmt: skip
        made.wait_for(2)
        yield made


def site(folder: Path, archive: Path, dask: str = "") -> Site:
    """A site with a state of its own over the same archive, with the same keys."""
    folder.mkdir()
    (folder / "liver.yaml").write_text(STUDY)
    keys = folder.parent / "keys"
    if not keys.exists():
        SiteIdentity.create(keys)
    (folder / "site.yaml").write_text(
        f"site: berlin\nstate: state\nkeys: {keys}\n{dask}"
        f"sources: [{{name: archive, kind: folder, path: {archive}}}]\n"
        f"studies: [{{study_file: liver.yaml, centre: {{url: 'http://127.0.0.1:9'}},"
        f" approvers: [{{name: DPO, key: '{SigningKey.generate().public.text}'}}]}}]\n"
    )
    return Site(read_site_file(folder / "site.yaml"), SystemClock())


def series(opened: Site) -> list[list[str]]:
    """Everything that the inventory knows of every series but when, whatever the order in which files were read."""
    frame = opened.inventory.series_frame().drop(columns=["first_seen", "number"], errors="ignore")
    return sorted([repr(value) for value in row] for row in frame.itertuples(index=False))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(PATIENTS):
        write_patient(folder / f"visit-{number}", number)
    (folder / "visit-0" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM broken")
    return folder


def yaml_of(cluster: Cluster) -> str:
    return f"dask: {{scheduler: '{cluster.address}', ca_file: {cluster.pem}, certificate: {cluster.pem}}}\n"


@pytest.mark.real
@pytest.mark.timeout(180)
def test_workers_read_what_this_machine_would_have_read_and_a_lost_cluster_costs_nothing(
    tmp_path: Path, archive: Path, cluster: Cluster
) -> None:
    with site(tmp_path / "alone", archive) as alone, site(tmp_path / "spread", archive, yaml_of(cluster)) as spread:
        (by_itself,), (by_workers,) = alone.scan(), spread.scan()
        assert by_workers.problem is None
        assert by_workers.result == by_itself.result
        assert by_workers.result is not None
        assert (by_workers.result.read, sum(by_workers.result.unreadable.values())) == (PATIENTS + 1, 1)
        assert series(spread) == series(alone)
        assert len(series(spread)) == PATIENTS

        cluster.stop("worker-0")
        write_patient(archive / "later", 100)
        (with_one_worker,) = spread.scan()
        assert with_one_worker.result is not None
        assert with_one_worker.result.read == 1, "only what is new"

        cluster.stop()
        write_patient(archive / "last", 101)
        (without,) = spread.scan()
        assert without.result is None
        assert without.problem is not None
        assert "cannot be reached" in without.problem
        assert len(series(spread)) == PATIENTS + 1, "what was known stays"


@pytest.mark.real
@pytest.mark.timeout(180)
def test_a_worker_that_dies_while_it_reads_is_replaced_by_another(tmp_path: Path, cluster: Cluster) -> None:
    spread = ScanCluster(cluster.settings())
    try:
        slow = [spread.submit(time.sleep, 1.5) for _ in range(4)]
        time.sleep(0.5)
        cluster.running["worker-1"].kill()
        assert [each.result(60) for each in slow] == [None] * 4
    finally:
        spread.let_go()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"scheduler": "tcp://10.0.0.5:8786"}, "only this machine may do without"),
        ({"scheduler": "tls://10.0.0.5:8786"}, "needs ca_file and certificate"),
        ({"scheduler": "http://127.0.0.1:8786"}, "must be tls://HOST:PORT"),
        ({"scheduler": "tls://10.0.0.5"}, "must be tls://HOST:PORT"),
    ],
)
def test_a_cluster_that_would_hear_the_secret_in_the_clear_is_refused(content: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DaskSettings.model_validate(content)


def test_nobody_listening_is_told_in_a_sentence() -> None:
    (found,) = ScanCluster(DaskSettings(scheduler=f"tcp://127.0.0.1:{free_port()}")).check()

    assert not found.ok
    assert "is its scheduler running" in found.message
