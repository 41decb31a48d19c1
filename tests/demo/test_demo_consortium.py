"""Who takes part, and that the files the demo writes are those the programs accept."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from studyscope_aggregator.registry import load_registry
from studyscope_contract.keys import SigningKey
from studyscope_contract.study import Study
from studyscope_contract.yaml_file import read_yaml
from studyscope_demo.consortium import STUDY_ID, Span, write_centre
from studyscope_demo.folder import DemoFolder
from studyscope_demo.hospital_files import write_hospital
from studyscope_demo.profiles import read_profiles
from studyscope_exporter.settings import read_site_file

SPAN = Span(dt.date(2026, 1, 1), dt.date(2026, 6, 30))
PROFILES = read_profiles()


def test_eight_hospitals_hold_every_scripted_part_and_every_noise() -> None:
    hospitals = PROFILES.consortium(8, seed=1)
    assert {one.part for one in hospitals} == {"reports", "falls_silent", "never_reports", "wrong_key"}
    assert sorted(one.noise for one in hospitals if one.noise != "none") == [
        "contours_off",
        "labels_confused",
        "structures_added",
        "structures_missing",
    ]
    expected = [one.backlog + 180 * one.per_day for one in hospitals]
    assert max(expected) > 1500
    assert any(20 <= patients <= 30 for patients in expected)


@pytest.mark.parametrize("sites", [1, 3, 8, 38])
def test_any_number_of_hospitals_has_distinct_names(sites: int) -> None:
    hospitals = PROFILES.consortium(sites, seed=1)
    assert len({one.id for one in hospitals}) == sites
    assert hospitals[0].part == "reports" or sites > 1


def test_more_hospitals_than_there_are_cities_is_refused_with_the_limit() -> None:
    with pytest.raises(ValueError, match=f"between 1 and {PROFILES.most}"):
        PROFILES.consortium(PROFILES.most + 1, seed=1)


def test_exporter_and_aggregator_accept_the_files(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    folder.create()
    hospitals = PROFILES.consortium(8, seed=1)
    keys = {one.id: write_hospital(folder, one, "http://127.0.0.1:1") for one in hospitals}
    write_centre(folder, hospitals, SPAN, keys)
    study = read_yaml(folder.study, Study)
    registry = load_registry(folder.registry)
    assert study.id == STUDY_ID
    assert set(registry.sites) == {one.id for one in hospitals}
    for one in hospitals:
        if one.part == "never_reports":
            assert not folder.site_file(one.id).exists()
            continue
        settings = read_site_file(folder.site_file(one.id))
        signs_with = SigningKey.load(settings.keys / "signing.pem").public
        known = registry.sites[one.id].key(signs_with.fingerprint)
        assert (known is None) == (one.part == "wrong_key")


def test_one_hospital_reports_progress_exactly_and_two_approvers_stand_for_each(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    folder.create()
    hospitals = [one for one in PROFILES.consortium(8, seed=1) if one.part != "never_reports"]
    keys = {one.id: write_hospital(folder, one, "http://127.0.0.1:1") for one in hospitals}
    write_centre(folder, hospitals, SPAN, keys)
    studies = {one.id: read_site_file(folder.site_file(one.id)).studies[0] for one in hospitals}
    assert [site for site, study in studies.items() if study.policy.reported] == ["vienna"]
    assert all(len(study.approvers) == 2 for study in studies.values())
    assert sorted(site for site, study in studies.items() if study.policy.readers) == ["berlin", "hamburg"]
    assert sorted(site for site, study in studies.items() if study.policy.two_way) == ["berlin", "hamburg", "munich", "zurich"]
