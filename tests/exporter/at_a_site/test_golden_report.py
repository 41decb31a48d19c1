"""What leaves a hospital, byte for byte: a change of these files is a change of what data-protection officers signed.

`STUDYSCOPE_WRITE_GOLDEN=1` writes them anew; read the difference before it is committed.
"""

import datetime as dt
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from site_cast import write_patient
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import SignedReport
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site

GOLDEN = Path(__file__).parent / "golden"
STUDY = """\
schema: 1
id: liver
title: Liver
version: 3
leads: [{name: Dr. Lead, mail: lead@study.example}]
sites: [{id: berlin, name: Berlin, city: Berlin, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01}]
stages: [imaged, segmented]
structures: [{code: liver, label: Liver}]
workflows: [{id: segment, title: Segment, model: net, version: "2"}]
"""


class StandingClock:
    """Shows one moment until it is moved."""

    def __init__(self) -> None:
        self.moment = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.moment

    def sleep_until(self, moment: dt.datetime) -> None:
        self.moment = moment

    def wake(self) -> None:
        pass


class Lowest:
    """A secret that is always 0: a threshold of m and no delay."""

    def below(self, n: int) -> int:
        return 0


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    """40 women and 7 men, of whom the first report may only show the women."""
    for number in range(47):
        write_patient(tmp_path / "dicom", number, "F" if number < 40 else "M")
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "keys").mkdir()
    SigningKey(Ed25519PrivateKey.from_private_bytes(b"signing key of a golden test 32b")).save(tmp_path / "keys" / "signing.pem")
    (tmp_path / "keys" / "site.secret").write_bytes(b"s" * 32)
    (tmp_path / "keys" / "site.secret").chmod(0o600)
    approver = SigningKey(Ed25519PrivateKey.from_private_bytes(b"approver of a golden test 32 by."))
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: berlin\nstate: state\nkeys: keys\nsources: [{name: archive, kind: folder, path: dicom}]\n"
        "studies:\n  - study_file: study.yaml\n    centre: {url: 'http://127.0.0.1:9'}\n    policy: {refuse: [acquisition_year]}\n"
        f"    approvers: [{{name: DPO, key: '{approver.public.text}'}}]\n"
    )
    return path


def held(name: str, report: SignedReport) -> None:
    """Compares the bytes with the golden file of that name."""
    path = GOLDEN / name
    if os.environ.get("STUDYSCOPE_WRITE_GOLDEN"):
        path.write_bytes(report.to_bytes() + b"\n")

    assert report.to_bytes() + b"\n" == path.read_bytes()


def test_what_a_hospital_sends_day_by_day(site_file: Path) -> None:
    approver = SigningKey(Ed25519PrivateKey.from_private_bytes(b"approver of a golden test 32 by."))
    clock = StandingClock()
    with Site(read_site_file(site_file), clock, random=Lowest()) as site:
        (study,) = site.studies
        site.scan()
        held("1-nothing-approved.json", site.release(study))

        study.domain.approve(study.domain.pending_approvals(), approver, clock.now().date())
        clock.moment += dt.timedelta(days=1)
        held("2-first-release.json", site.release(study))

        clock.moment += dt.timedelta(days=1)
        held("3-heartbeat.json", site.release(study))

        for number in range(47, 60):
            write_patient(site_file.parent / "dicom", number, "M")
        site.scan()
        clock.moment += dt.timedelta(days=1)
        held("4-thirteen-men-more.json", site.release(study))
