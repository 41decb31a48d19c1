"""Lost, restored and frozen state opened again: what was published is known, who was counted is not."""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from acts_cast import Hospital as Site
from acts_cast import centre_of, shown
from disclosure_cast import (
    FACTS,
    MODALITY,
    OFFICER,
    POPULATION,
    SECOND_OFFICER,
    SEX,
    SIGNING_KEY,
    STAGE,
    STUDY,
    VOLUME,
    Died,
    Hospital,
    MemoryDisk,
    Seeded,
    opened,
    patient_key,
    vectors,
)
from studyscope_aggregator.commands import site_reports
from studyscope_aggregator.settings import CentreSettings
from studyscope_contract.keys import SigningKey
from studyscope_contract.policy import Policy
from studyscope_contract.report import Report, SignedReport
from studyscope_exporter.disclosure.decision import Decision
from studyscope_exporter.disclosure.errors import ApprovalProblem, PolicyLoosened, RecoveryProblem
from studyscope_exporter.disclosure.knowledge import world_of
from studyscope_exporter.disclosure.ledger_keys import verify_ledger
from studyscope_exporter.disclosure.rebuilding import verified_reports
from studyscope_exporter.disclosure.store import LEDGER, STATE
from studyscope_exporter.disclosure.supposition import ShownRelease, ShownTable, supposed_history
from studyscope_exporter.disclosure.terms import Terms
from studyscope_exporter.disclosure.witness import WitnessAudit

DAY = dt.date(2026, 6, 1)
BOTH = (OFFICER, SECOND_OFFICER)


def full(women: int = 40, men: int = 30) -> Hospital:
    hospital = Hospital()
    hospital.admit(women // 2, sex="F", stage=1, volume="400.0")
    hospital.admit(women - women // 2, start=500, sex="F", stage=1)
    hospital.admit(men, start=1000, sex="M")
    return hospital


def lived(folder: Path, hospital: Hospital, points: Sequence[int], seed: int = 1, **more: Any) -> list[SignedReport]:
    with opened(folder, seed, **more) as domain:
        return [domain.release(hospital.contributions(), FACTS, point) for point in points]


def of(reports: Sequence[SignedReport]) -> list[Report]:
    return [one.report for one in reports]


def recover(folder: Path, reports: Sequence[SignedReport], keys: tuple[SigningKey, SigningKey] = BOTH, **more: Any) -> None:
    with opened(folder, approve=False, **more) as domain:
        domain.recover(of(reports), max((one.report.sequence for one in reports), default=0), keys, DAY)


@pytest.mark.parametrize("lost", ["state", "everything", "frozen by a person"])
def test_numbering_goes_on_and_what_was_shown_stays(tmp_path: Path, lost: str) -> None:
    hospital = full()
    reports = lived(tmp_path, hospital, range(100, 105))
    if lost == "state":
        (tmp_path / STATE).unlink()
    elif lost == "everything":
        shutil.rmtree(tmp_path)
    else:
        with opened(tmp_path) as domain:
            domain.decide(Decision.FREEZE, DAY)

    recover(tmp_path, reports)
    after = lived(tmp_path, hospital, range(105, 140), approve=False)

    assert [one.report.sequence for one in after] == list(range(6, 41))
    assert {one.report.activity for one in after} == {"active"}
    assert {one.report.tables for one in after} == {reports[-1].report.tables}, "nobody new came: nothing may move"
    assert verify_ledger(tmp_path / LEDGER, SIGNING_KEY.public) == []


def test_it_opens_when_a_gates_worth_of_people_cannot_have_been_counted_before(tmp_path: Path) -> None:
    hospital = full()
    reports = lived(tmp_path, hospital, [100])
    (tmp_path / STATE).unlink()
    recover(tmp_path, reports)

    hospital.admit(13, start=5000)  # 83 in all: the top of the bin of 70 is 74, and the gate at least 10
    closed = lived(tmp_path, hospital, range(101, 130), approve=False)
    hospital.admit(20, start=6000)  # 103: above every possible gate
    opens = lived(tmp_path, hospital, range(130, 146), approve=False)

    assert {tuple(vectors(one)[POPULATION].values()) for one in closed} == {(70,)}
    assert vectors(opens[-1])[POPULATION] == {(): 100}
    versions = {table.table: table.version for table in opens[-1].report.tables}
    assert versions["population"] == 2, "the next version of the same table, for readers"


def patients_counted(folder: Path, seed: int) -> int:
    """In the newest version of everybody; 0 where the first gate was not reached."""
    with opened(folder, seed) as domain:
        state = domain._load().state
    assert state is not None
    return max(
        (version.patients for release in state.history for version in release.tables if version.key == POPULATION), default=0
    )


@settings(max_examples=6, deadline=None)
@example(before=18, seed=7918)  # the first gate is 19: nothing was counted
@given(before=st.integers(0, 120), seed=st.integers(0, 10_000))
def test_a_new_generation_opens_no_window_below_the_gate(
    before: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("domain")
    hospital = Hospital()
    hospital.admit(before)
    reports = lived(folder, hospital, [100], seed)
    counted = patients_counted(folder, seed)
    (folder / STATE).unlink()
    recover(folder, reports)
    with opened(folder, seed) as domain:
        for step in range(40):
            hospital.admit(2, start=10_000 + 2 * step)
            now = domain.release(hospital.contributions(), FACTS, 101 + step)
            state = domain._load().state
            assert state is not None
            if state.history and state.history[-1].grid_point > 100:
                break
    moved = next(version for version in state.history[-1].tables if version.key == POPULATION)
    assert moved.patients - counted >= Policy().parameters.m
    assert now.report.grid_point > 101


def test_tables_without_the_two_signatures_stay_shut(tmp_path: Path) -> None:
    """A table that was not shown before needs both approvers anew, not one."""
    hospital = full(women=70, men=2)
    reports = lived(tmp_path, hospital, [100])
    shutil.rmtree(tmp_path)
    recover(tmp_path, reports)
    with opened(tmp_path, approve=False) as domain:
        waiting = domain.pending_approvals()
        domain.approve(waiting, OFFICER, DAY)
        assert domain.pending_approvals() == waiting
        domain.approve(waiting, SECOND_OFFICER, DAY)
        assert domain.pending_approvals() == ()


def test_who_withdrew_stays_out_of_the_new_generation(tmp_path: Path) -> None:
    hospital = full()
    reports = lived(tmp_path, hospital, [100])
    with opened(tmp_path) as domain:
        domain.withdraw(patient_key(1), day=DAY)
    (tmp_path / STATE).unlink()

    recover(tmp_path, reports)
    with opened(tmp_path, approve=False) as domain:
        assert not domain.withdraw(patient_key(1))[0].new
        assert len(domain.admitted(hospital.contributions()).tables[POPULATION]) == 69


def test_a_whole_study_is_not_recovered(tmp_path: Path) -> None:
    hospital = full()
    reports = lived(tmp_path, hospital, [100])

    with pytest.raises(RecoveryProblem, match="active here and its state is whole"):
        recover(tmp_path, reports)


def test_a_recovery_needs_two_different_approvers(tmp_path: Path) -> None:
    reports = lived(tmp_path, full(), [100])
    (tmp_path / STATE).unlink()

    with pytest.raises(ApprovalProblem, match="two different approvers"):
        recover(tmp_path, reports, (OFFICER, OFFICER))
    with pytest.raises(ApprovalProblem, match="is of no approver"):
        recover(tmp_path, reports, (OFFICER, SigningKey.generate()))


def test_a_recovery_is_no_way_to_a_looser_policy(tmp_path: Path) -> None:
    reports = lived(tmp_path, full(), [100])
    shutil.rmtree(tmp_path)

    with pytest.raises(PolicyLoosened):
        recover(tmp_path, reports, policy=Policy(preset="fives"))


def test_reports_that_are_not_this_sites_own_are_refused(tmp_path: Path) -> None:
    raw = [one.to_bytes() for one in lived(tmp_path, full(), [100, 101])]
    keys = [SIGNING_KEY.public]

    def refused(some: Sequence[bytes], because: str, site: str = "berlin") -> None:
        with pytest.raises(RecoveryProblem, match=because):
            verified_reports(some, keys, site=site, study=STUDY.id)

    refused([raw[0].replace(b'"value":70', b'"value":80')], "none|not signed")
    refused([raw[1], raw[0]], "the list was reordered")
    refused(raw, "not of .* at oslo", site="oslo")
    refused([SignedReport.sign(SignedReport.from_bytes(raw[0]).report, OFFICER).to_bytes()], "not signed by this site's key")
    assert len(verified_reports(raw, keys, site="berlin", study=STUDY.id)) == 2


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), women=st.integers(0, 70), men=st.integers(0, 60), segmented=st.integers(0, 40))
def test_the_supposed_truth_gives_exactly_what_was_shown(
    seed: int, women: int, men: int, segmented: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """So the audit can go on: its model of the lost generation holds, bin by bin, all that was published."""
    folder = tmp_path_factory.mktemp("domain")
    hospital = Hospital()
    hospital.admit(women, sex="F", modalities=frozenset({"CT", "MR"}))
    hospital.admit(men, start=1000, sex="M", stage=2)
    hospital.admit(segmented, start=2000, stage=1, volume="400.0")
    reports = lived(folder, hospital, [100], seed)
    terms = Terms.of(STUDY, "berlin", Policy())
    tables = tuple(ShownTable(key, shown) for key, shown in vectors(reports[0]).items())

    history = supposed_history([ShownRelease(100, terms.parameters, tables)], terms)

    world = world_of(history)
    assert world.holds_the_truth()
    assert {version.key for release in history for version in release.tables} >= set(vectors(reports[0])) - {MODALITY, VOLUME}
    for release in history:
        for version in release.tables:
            assert dict(version.shown) == vectors(reports[0])[version.key]


def test_the_audit_of_the_new_generation_looks_at_the_lost_one_too(tmp_path: Path) -> None:
    hospital = full(women=60, men=40)
    reports = lived(tmp_path, hospital, [100], audit=WitnessAudit())
    shutil.rmtree(tmp_path)
    recover(tmp_path, reports, audit=WitnessAudit())
    hospital.admit(60, start=7000, sex="M")
    after = lived(tmp_path, hospital, range(101, 120), approve=False, audit=WitnessAudit())

    assert vectors(after[-1])[POPULATION] == {(): 160}
    assert vectors(after[-1])[SEX] == {("F",): 60, ("M",): 100}
    with opened(tmp_path, approve=False) as domain:
        state = domain._load().state
        assert state is not None
        assert state.history[0].grid_point == 100
        epochs = {version.epoch for release in state.history for version in release.tables if version.key == POPULATION}
        assert len(epochs) == 2, "never taken for the same people"


def test_a_recovery_that_dies_is_done_or_can_be_done_again(tmp_path: Path) -> None:
    hospital = full()
    (tmp_path / "whole").mkdir()
    disk = MemoryDisk()
    with opened(tmp_path / "whole", files=disk) as domain:
        report = domain.release(hospital.contributions(), FACTS, 100)
    disk.live.pop(STATE)
    disk.safe.pop(STATE)
    finished = 0
    for fuse in range(40):
        tried = MemoryDisk(fuse=fuse, live=dict(disk.live), safe=dict(disk.safe))
        try:
            with opened(tmp_path / "whole", files=tried, approve=False) as domain:
                domain.recover([report.report], 1, BOTH, DAY)
            finished += 1
        except Died:
            pass
        again = tried.rebooted()
        with opened(tmp_path / "whole", files=again, approve=False, random=Seeded(5)) as domain:
            if domain.status().activity == "frozen":
                domain.recover([report.report], 1, BOTH, DAY)
            assert (domain.status().activity, domain.status().sequence) == ("active", 1)
            following = domain.release(hospital.contributions(), FACTS, 101)
        assert following.report.tables == report.report.tables
    assert finished


def recovered(site: Site, *more: str) -> int:
    keys = [part for name in ("dpo", "head") for part in ("--key", str(site.folder / f"{name}.pem"))]
    return site.run("recover", *keys, "--confirm", "liver", *more)


def test_a_site_that_lost_everything_but_its_keys_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site(tmp_path / "site", patients=30)
    with centre_of(site) as (client, clock):
        site.scanned_and_approved()
        for days in range(3):
            clock.days = days
            site.once(days)
        shutil.rmtree(site.folder / "state")

        clock.days = 0  # the command is given now
        assert recovered(site) == 0
        said = capsys.readouterr().out
        site.run("scan", "--quiet")
        site.admit(40, start=100)
        for days in range(3, 22):
            clock.days = days
            site.once(days)
        metrics = client.get("/metrics").text

    assert "the centre accepted 3 reports, every signature is this site's own" in said
    assert "the next report is number 4" in said
    assert site.newest().sequence == 22
    assert shown(site.newest(), "population") == {(): 70}
    assert 'study_patients{study="liver",site="berlin"} 70' in metrics
    assert "study_site_refused_reports{" not in metrics
    assert site.run("ledger") == 0


def test_a_backup_put_back_is_recovered_and_its_own_reports_are_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(tmp_path / "site", patients=30)
    with centre_of(site) as (client, clock):
        site.scanned_and_approved()
        site.once(0)
        shutil.copytree(site.folder / "state", site.folder / "backup")
        for days in (1, 2, 3):
            clock.days = days
            site.once(days)
        shutil.rmtree(site.folder / "state")
        (site.folder / "backup").rename(site.folder / "state")
        site.once(3)
        assert site.run("status") == 2

        clock.days = 0  # the command is given now
        assert recovered(site) == 0
        clock.days = 4
        site.once(4)
        last = client.get("/api/v1/sites/liver/berlin/last").json()["sequence"]

    assert last == 5
    capsys.readouterr()
    site.run("status")
    assert "put back from a backup" not in capsys.readouterr().out


def test_without_a_network_a_file_from_the_coordinator_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site(tmp_path, patients=30)
    with centre_of(site):
        site.scanned_and_approved()
        site.once(0)
    store = site.folder / "centre" / "store.sqlite"
    at_centre = CentreSettings(registry=site.folder / "centre", store=store)
    asked = argparse.Namespace(study="liver", site="berlin", file=tmp_path / "reports.ndjson")
    assert site_reports.execute(at_centre, asked) == 0
    assert site_reports.execute(at_centre, asked) == 1, "a file is never written over"
    assert site_reports.execute(at_centre, argparse.Namespace(study="liver", site="oslo", file=tmp_path / "none")) == 1
    shutil.rmtree(site.folder / "state")

    assert recovered(site) == 2
    assert "ask its coordinator for a file and give it with --from" in capsys.readouterr().err
    assert recovered(site, "--from", str(tmp_path / "reports.ndjson")) == 0
    assert shown(site.once(1), "population") == {(): 30}


def test_a_site_that_lost_its_keys_too_goes_on_under_a_new_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site(tmp_path / "site", patients=30)
    old = SigningKey.load(site.folder / "keys" / "signing.pem").public.text
    with centre_of(site) as (_, clock):
        site.scanned_and_approved()
        site.once(0)
        for part in ("state", "keys"):
            shutil.rmtree(site.folder / part)
        assert site.run("keygen") == 0
        registered = site.folder / "centre" / "sites.yaml"
        content = yaml.safe_load(registered.read_text())
        new = SigningKey.load(site.folder / "keys" / "signing.pem").public.text
        content["sites"][0]["keys"].append({"key": new, "valid_from": "2020-01-01", "valid_until": "2099-01-01"})
        registered.write_text(yaml.safe_dump(content))
        time.sleep(1.1)  # the centre looks at its registry once a second

        capsys.readouterr()
        assert recovered(site) == 2
        assert "is not signed by this site's key" in capsys.readouterr().err
        assert recovered(site, "--old-key", old) == 0
        site.run("scan", "--quiet")
        clock.days = 1
        assert shown(site.once(1), "population") == {(): 30}

    assert site.newest().sequence == 2


OBLIGED = Policy.model_validate(
    {"preset": "tens-open", "disclosure": {"reported": ["stage"], "legal_basis": "Protocol 4.2, section 7.3, ethics committee"}}
)


@pytest.mark.parametrize("lost", ["state", "everything"])
def test_exact_numbers_go_on_at_once_and_protected_ones_wait_for_a_gates_worth(tmp_path: Path, lost: str) -> None:
    hospital = full()
    reports = lived(tmp_path, hospital, range(100, 103), policy=OBLIGED, audit=WitnessAudit())
    shutil.rmtree(tmp_path) if lost == "everything" else (tmp_path / STATE).unlink()
    recover(tmp_path, reports, policy=OBLIGED, audit=WitnessAudit())
    hospital.admit(5, start=5000, sex="M")
    after = lived(tmp_path, hospital, range(103, 106), approve=False, policy=OBLIGED, audit=WitnessAudit())
    assert vectors(after[-1]) == vectors(reports[-1]) | {STAGE: {("imaged",): 35, ("segmented",): 40, ("reviewed",): 0}}
    hospital.admit(60, start=6000, sex="F")
    later = lived(tmp_path, hospital, range(106, 140), approve=False, policy=OBLIGED, audit=WitnessAudit())
    assert vectors(later[-1])[POPULATION] != vectors(reports[-1])[POPULATION]
    with opened(tmp_path, approve=False, policy=OBLIGED) as domain:
        state = domain._load().state
    assert state is not None
    world = world_of(state.history)
    assert world.holds_the_truth()
    assert world.public
    assert all(row.low <= world.true_value(row.terms) <= row.high for row in world.rows)


def test_a_recovery_is_no_way_to_another_disclosure(tmp_path: Path) -> None:
    reports = lived(tmp_path, full(), range(100, 103), policy=OBLIGED)
    shutil.rmtree(tmp_path)
    with pytest.raises(PolicyLoosened, match="with stage reported exactly"):
        recover(tmp_path, reports, policy=Policy(preset="tens-open"))
