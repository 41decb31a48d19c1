"""A site changes its signing key: vouched for by the old one, or, where that was stolen or lost, by people."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import yaml

from acts_cast import Ahead, Hospital, centre_of
from disclosure_cast import FACTS, SIGNING_KEY, opened
from disclosure_cast import Hospital as Patients
from studyscope_aggregator.cli import main as aggregator
from studyscope_contract.enrolment import EnrolmentRequest
from studyscope_contract.key_change import KeyChange
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import SignedReport
from studyscope_exporter.daemon import run
from studyscope_exporter.disclosure.errors import DomainProblem, KeyChanged
from studyscope_exporter.disclosure.ledger_keys import verify_ledger
from studyscope_exporter.disclosure.store import LEDGER, STATE
from studyscope_exporter.key_folder import CHANGES, next_key, put_in_use
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site

DAY = dt.date(2026, 6, 1)


@dataclass
class Consortium:
    """A hospital with a report at a real centre, the centre's clock, and the coordinator's commands."""

    site: Hospital
    client: httpx.Client
    clock: Ahead
    config: Path

    def sites(self, *arguments: str) -> int:
        done = aggregator(["sites", *arguments, "--config", str(self.config)])
        time.sleep(1.05)  # the running centre looks at the registry once a second
        return done

    def once(self, days: int) -> SignedReport:
        """A report made and delivered so many days from now; the newest one at the site, as it was signed."""
        self.clock.days = days
        self.site.once(days)
        outbox = self.site.folder / "state" / "studies" / "liver" / "outbox"
        return SignedReport.from_bytes(max(outbox.glob("*/*.json"), key=lambda path: path.name).read_bytes())

    def key(self) -> SigningKey:
        return SigningKey.load(self.site.folder / "keys" / "signing.pem")

    def waiting(self) -> str:
        following = next_key(self.site.folder / "keys")
        assert following is not None
        return following.key.public.fingerprint

    def newest_there(self) -> int:
        return int(self.client.get("/api/v1/sites/liver/berlin/last").json()["sequence"])


@pytest.fixture
def consortium(tmp_path: Path) -> Iterator[Consortium]:
    site = Hospital(tmp_path / "berlin", patients=30)
    config = tmp_path / "centre.yaml"
    config.write_text(yaml.safe_dump({"registry": str(site.folder / "centre"), "store": "other.sqlite"}))
    with centre_of(site) as (client, clock):
        site.scanned_and_approved()
        found = Consortium(site, client, clock, config)
        found.once(0)
        yield found


def test_the_old_key_signs_for_the_new_one_and_the_ledger_goes_on(
    consortium: Consortium, capsys: pytest.CaptureFixture[str]
) -> None:
    site, old = consortium.site, consortium.key()
    assert site.run("key", "new") == 0
    new = consortium.waiting()
    assert site.run("key", "use") == 1, "no centre has accepted it yet"
    assert "not accepted yet for liver" in capsys.readouterr().out

    consortium.sites("list")
    assert f"signed for by {old.public.fingerprint}" in " ".join(capsys.readouterr().out.split())
    assert consortium.sites("rotate", "berlin", new) == 0
    assert consortium.once(1).is_signed_by(old.public), "in the overlap the old one signs on"
    assert consortium.newest_there() == 2
    assert site.run("key", "use") == 0

    assert consortium.key().public.fingerprint == new
    assert consortium.once(2).is_signed_by(consortium.key().public)
    assert consortium.newest_there() == 3
    capsys.readouterr()
    assert site.run("ledger", "verify") == 0
    said = capsys.readouterr().out
    assert f"changed from {old.public.fingerprint} to {new}; the old one signed for the new one" in said
    with Site(read_site_file(site.file), Ahead(3)) as opened_site:
        study = opened_site.studies[0]
        next_one = study.domain.preview(None, opened_site.facts(study), opened_site.grid_point(study)).report
    assert next_one.is_signed_by(consortium.key().public)
    assert site.run("attack") == 0


def test_a_recovery_takes_reports_under_both_keys_for_the_site_s_own(consortium: Consortium) -> None:
    site = consortium.site
    site.run("key", "new")
    consortium.sites("rotate", "berlin", consortium.waiting())
    site.run("key", "use")
    consortium.once(1)
    (site.folder / "state" / "studies" / "liver" / "domain" / STATE).unlink()
    consortium.clock.days = 0

    keys = [str(site.folder / f"{name}.pem") for name in ("dpo", "head")]
    assert site.run("recover", "--key", keys[0], "--key", keys[1], "--confirm", "liver") == 0
    assert site.run("ledger", "verify") == 0
    assert consortium.once(2).report.sequence == 3
    assert consortium.newest_there() == 3


def test_a_stolen_key_is_left_behind_and_what_waited_is_signed_anew(
    consortium: Consortium, capsys: pytest.CaptureFixture[str]
) -> None:
    site, stolen = consortium.site, consortium.key()
    assert site.run("key", "new", "--without-old", "laptop stolen") == 0
    new = consortium.waiting()
    assert consortium.sites("rotate", "berlin", new) == 2, "nobody who can be trusted signed for it"
    assert "sites revoke the old one, sites accept this one" in capsys.readouterr().err
    assert consortium.sites("revoke", "berlin", stolen.public.fingerprint, "--why", "laptop stolen") == 0
    assert consortium.sites("accept", "berlin", new) == 0
    consortium.once(2)
    assert consortium.newest_there() == 1, "the centre takes nothing that the stolen key signed"

    capsys.readouterr()
    assert site.run("key", "use") == 0

    assert "signed by it too: 1 report that waited" in capsys.readouterr().out
    assert consortium.once(3).report.sequence == 3
    assert consortium.newest_there() == 3
    assert site.run("ledger", "verify") == 0
    assert "the old one did not sign: laptop stolen" in capsys.readouterr().out


def test_a_lost_key_is_not_made_anew_by_mistake(consortium: Consortium, capsys: pytest.CaptureFixture[str]) -> None:
    site, lost = consortium.site, consortium.key()
    (site.folder / "keys" / "signing.pem").unlink()
    assert site.run("keygen") == 2
    assert "key new --without-old REASON" in capsys.readouterr().err
    assert site.run("key", "new", "--without-old", "disk died") == 2
    assert "--old-key" in capsys.readouterr().err

    assert site.run("key", "new", "--without-old", "disk died", "--old-key", lost.public.text) == 0
    assert consortium.sites("accept", "berlin", consortium.waiting()) == 0
    assert site.run("key", "use") == 0

    assert consortium.once(1).report.sequence == 2
    assert consortium.newest_there() == 2
    assert site.run("ledger", "verify") == 0


def test_a_change_that_the_old_key_did_not_sign_is_found_in_the_ledger(tmp_path: Path) -> None:
    thief, patients = SigningKey.generate(), Patients()
    with opened(tmp_path) as domain:
        domain.release(patients.contributions(), FACTS, 100)
    forged = KeyChange.vouched("berlin", thief, thief.public, DAY).model_copy(update={"old": SIGNING_KEY.public.text})
    with opened(tmp_path, approve=False, signing_key=thief, key_changes=[forged]) as domain:
        domain.release(patients.contributions(), FACTS, 101)

    assert any("is not signed by the old key" in problem for problem in verify_ledger(tmp_path / LEDGER, thief.public))


def test_a_key_that_no_change_leads_to_writes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as domain:
        domain.release(Patients().contributions(), FACTS, 100)
    before = (tmp_path / LEDGER).read_bytes()

    stranger = SigningKey.generate()
    with (
        opened(tmp_path, approve=False, signing_key=stranger) as domain,
        pytest.raises(DomainProblem, match="another signing key"),
    ):
        domain.release(Patients().contributions(), FACTS, 101)
    assert (tmp_path / LEDGER).read_bytes() == before


def test_two_changes_lead_on_from_a_study_that_missed_the_first(tmp_path: Path) -> None:
    keys = [SIGNING_KEY, SigningKey.generate(), SigningKey.generate()]
    changes = [KeyChange.vouched("berlin", old, new.public, DAY) for old, new in pairwise(keys)]
    with opened(tmp_path) as domain:
        domain.release(Patients().contributions(), FACTS, 100)
    with opened(tmp_path, approve=False, signing_key=keys[2], key_changes=changes) as domain:
        domain.release(Patients().contributions(), FACTS, 101)

        assert domain.signing_keys() == (keys[2].public, keys[0].public, keys[1].public)
    assert verify_ledger(tmp_path / LEDGER, keys[2].public) == []


def test_a_change_that_was_killed_before_it_counted_is_done_again(consortium: Consortium) -> None:
    site, folder = consortium.site, consortium.site.folder / "keys"
    site.run("key", "new")
    following = next_key(folder)
    assert following is not None
    (folder / CHANGES).write_text(following.change.model_dump_json(exclude_none=True) + "\n")  # and then the power went

    assert consortium.once(1).is_signed_by(consortium.key().public)
    assert site.run("key", "use", "--confirm", following.key.public.fingerprint) == 0
    assert len((folder / CHANGES).read_text().splitlines()) == 1
    assert site.run("ledger", "verify") == 0


def test_a_running_service_goes_on_under_the_new_key(consortium: Consortium) -> None:
    site, folder = consortium.site, consortium.site.folder / "keys"
    consortium.clock.days, stop = 1, threading.Event()

    class Waking(Ahead):
        """While the service waits for its next grid point, somebody puts a new key in use."""

        waits = 0

        def sleep_until(self, moment: dt.datetime) -> None:
            self.waits += 1
            if self.waits == 1:
                site.run("key", "new")
                consortium.sites("rotate", "berlin", consortium.waiting())
                site.run("key", "use")
            self.days += 1
            consortium.clock.days = self.days
            if self.waits > 8:
                stop.set()

    run(read_site_file(site.file), Waking(1), stop)

    sequences = [line["sequence"] for line in site.ledger() if line["act"] == "release"]
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(sequences) > 2
    assert [line["act"] for line in site.ledger()].count("key") == 1
    assert site.run("ledger", "verify") == 0
    assert json.loads((folder / CHANGES).read_text())["new"] == consortium.key().public.text


def test_what_was_opened_before_the_change_writes_no_line_with_the_old_key(consortium: Consortium) -> None:
    site, folder = consortium.site, consortium.site.folder / "keys"
    site.run("key", "new")
    following = next_key(folder)
    assert following is not None
    with Site(read_site_file(site.file), Ahead(1)) as before:
        put_in_use(folder, following)
        with Site(read_site_file(site.file), Ahead(1)):
            pass
        with pytest.raises(KeyChanged):
            before.release(before.studies[0])


def test_a_request_names_no_change_to_another_key_than_its_own() -> None:
    old, new, other = SigningKey.generate(), SigningKey.generate(), SigningKey.generate()
    change = KeyChange.vouched("berlin", old, new.public, DAY)

    assert EnrolmentRequest.make("liver", "berlin", new, DAY, change).is_genuine
    assert not EnrolmentRequest.make("liver", "berlin", other, DAY, change).is_genuine
    assert not EnrolmentRequest.make("liver", "lyon", new, DAY, change).is_genuine
    assert not change.model_copy(update={"made": dt.date(2026, 6, 2)}).is_vouched
