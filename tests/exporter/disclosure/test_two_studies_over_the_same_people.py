"""Two studies of one hospital: neither is counted while the other has just counted nearly the same people."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from acts_cast import Hospital as Site
from disclosure_cast import FACTS, POPULATION, Hospital, opened, vectors
from studyscope_contract.keys import SigningKey
from studyscope_contract.signed_study import SignedStudy
from studyscope_exporter.before_release.words import overlap_words
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.disclosure.census import roster_of
from studyscope_exporter.disclosure.contributions import Contributions
from studyscope_exporter.disclosure.neighbours import Neighbour, Overlap, overlaps, too_like
from studyscope_exporter.page.overview import study_overview
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site as OpenSite


def keys(numbers: range) -> list[bytes]:
    return [number.to_bytes(16, "big") for number in numbers]


def beside(today: range, counted: range | None = None) -> Neighbour:
    return Neighbour("other", roster_of(keys(today)), roster_of(keys(counted or today)))


def test_a_few_more_and_a_few_less_are_too_like_a_batch_is_not() -> None:
    other = (beside(range(300)),)
    assert too_like(roster_of(keys(range(3, 303))), other, 11)
    assert too_like(roster_of(keys(range(10, 300))), other, 11)
    assert not too_like(roster_of(keys(range(11, 300))), other, 11), "eleven are in the other one only"
    assert not too_like(roster_of(keys(range(311))), other, 11), "eleven have come"
    assert not too_like(roster_of(keys(range(500, 800))), other, 11), "nobody is in both"
    assert not too_like(roster_of(keys(range(300))), (), 11)


def test_who_left_the_other_study_is_no_difference_between_them() -> None:
    left = beside(range(20, 300), counted=range(300))
    assert too_like(roster_of(keys(range(20, 300))), (left,), 11)


def test_keys_that_end_in_a_zero_byte_are_recognised() -> None:
    ending = [bytes([number, *[1] * 14, 0]) for number in range(40)]
    other = Neighbour("other", roster_of(ending), roster_of(ending))
    assert too_like(roster_of(ending), (other,), 11)
    assert overlaps(roster_of(ending), (other,)) == (Overlap("other", 40, 0, 0),)


def test_the_second_study_waits_for_newcomers_and_then_a_secret_while(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(60)

    def counted(first: object) -> Contributions:
        members = roster_of(hospital.people)
        return Contributions(hospital.contributions().tables, beside=(Neighbour("first", members, first),))  # type: ignore[arg-type]

    with opened(tmp_path / "first") as first, opened(tmp_path / "second", seed=5) as second:
        assert vectors(first.release(hospital.contributions(), FACTS, 100))[POPULATION] == {(): 60}
        waits = [second.release(counted(first.members()), FACTS, point) for point in (100, 120, 140)]
        hospital.admit(19, start=1000)
        comes = [second.release(counted(first.members()), FACTS, point) for point in range(141, 156)]
        again = first.preview(Contributions(hospital.contributions().tables, (beside_of(second.members()),)), FACTS, 141)
    assert all(not one.report.tables for one in waits)
    assert not comes[0].report.tables, "its delay runs"
    assert vectors(comes[-1])[POPULATION] == {(): 80}
    assert not any(table.next != table.now for table in again.tables), "the second has just counted the same people"


def beside_of(members: object) -> Neighbour:
    return Neighbour("second", members, members)  # type: ignore[arg-type]


def test_an_approver_reads_how_many_are_in_another_study_and_a_copy_without_exact_numbers_does_not_say(tmp_path: Path) -> None:
    site = Site(tmp_path, patients=16, studies=("liver", "spleen"))
    site.scanned_and_approved()
    page, copy = tmp_path / "page.html", tmp_path / "copy.html"
    assert site.run("preview", "--study", "spleen", "--html", str(page)) == 0
    assert site.run("preview", "--study", "spleen", "--html", str(copy), "--without-exact") == 0
    said = "16 of these 16 patients are in the study liver too, which has 16."
    assert said in page.read_text()
    assert "nearly the same people" in page.read_text()
    assert "in the study liver" not in copy.read_text()
    with OpenSite(read_site_file(site.file), SystemClock()) as opened_site:
        (told,) = study_overview(opened_site, opened_site.studies[1]).overlaps
    assert told.startswith(said)


def test_status_and_preview_name_the_study_that_is_waited_for_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(tmp_path, patients=20, studies=("liver", "spleen"))
    site.scanned_and_approved()
    site.once()
    capsys.readouterr()
    site.run("status", "--study", "spleen")
    said = capsys.readouterr().out
    site.run("status", "--study", "liver")
    first = capsys.readouterr().out
    site.run("preview", "--study", "spleen")
    preview = " ".join(capsys.readouterr().out.split())
    assert "shows no number while study liver here has counted nearly the same people" in said
    assert "nearly the same people" not in first, "its numbers are out"
    assert "ask the coordinator for a new version of the older study's file" in preview


def test_studies_that_share_some_people_are_told_apart_in_words() -> None:
    assert "waits with new numbers" in overlap_words(Overlap("liver", 300, 4, 9), 11)
    assert "could prove something about the few who are in one only" in overlap_words(Overlap("liver", 20, 100, 400), 11)


def test_before_a_version_is_accepted_people_here_read_whom_it_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    centre = SigningKey.generate()
    site = Site(tmp_path, patients=16, studies=("liver", "spleen"))
    file = yaml.safe_load(site.file.read_text())
    file["studies"][0]["centre"]["keys"] = [centre.public.text]
    site.file.write_text(yaml.safe_dump(file))
    site.scanned_and_approved()
    text = (tmp_path / "liver.yaml").read_text()
    text = text.replace("version: 1", "version: 2").replace("modalities: [CT]", "modalities: [MR]")
    offered = tmp_path / "offered.json"
    offered.write_bytes(SignedStudy.sign(text.encode(), offered, centre).to_bytes())
    capsys.readouterr()

    assert site.run("study", "diff", "liver", "--file", str(offered)) == 0
    said = capsys.readouterr().out
    assert "two approvers" in said
    assert "0 by version 2, 16 by version 1, 0 by both" in said


def test_a_study_that_was_taken_out_of_the_site_file_is_still_waited_for(tmp_path: Path) -> None:
    site = Site(tmp_path, patients=20, studies=("liver",))
    site.scanned_and_approved()
    site.once()
    site.studies = ("spleen",)
    site.write()
    with OpenSite(read_site_file(site.file), SystemClock()) as opened_again:
        (spleen,) = opened_again.studies
        contributions = opened_again.contributions(spleen)
    assert contributions is not None
    assert [(one.study, len(one.counted)) for one in contributions.beside] == [("liver", 20)]
    assert too_like(roster_of(contributions.tables[POPULATION]), contributions.beside, 11)
