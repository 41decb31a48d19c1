"""A study file is signed at the centre, read in words and accepted at a site; totals add only what is defined alike."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator_cast import NOW, TODAY, Centre, StandingClock, a_report, a_study, a_table, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.cli import main
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.state import Member
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_aggregator.study_totals import TotalsMemory, study_totals
from studyscope_contract.definition import definition
from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Policy
from studyscope_contract.report import SiteFacts
from studyscope_contract.study import Study
from studyscope_contract.study_change import study_changes
from studyscope_exporter.cli import main as exporter

STRUCTURES = [{"code": "liver", "label": "Liver"}, {"code": "spleen", "label": "Spleen"}]


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    made = Centre(tmp_path / "registry")
    config = {"registry": "registry", "store": "state/reports.sqlite", "key": "centre.pem"}
    (tmp_path / "centre.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    SigningKey.generate().save(tmp_path / "centre.pem")
    return made


@pytest.fixture
def client(centre: Centre) -> Iterator[httpx.Client]:
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        yield client


def at_the_centre(centre: Centre, *words: str) -> int:
    return main(["study", *words, "--config", str(centre.folder.parent / "centre.yaml")])


def a_site(centre: Centre, url: str, key: VerifyingKey) -> Path:
    """The site file of Berlin, which has accepted version 1."""
    folder = centre.folder.parent / "site"
    folder.mkdir()
    shutil.copy(centre.folder / "studies" / "liver.yaml", folder / "liver.yaml")
    study = {
        "study_file": "liver.yaml",
        "centre": {"url": url, "keys": [key.text]},
        "approvers": [{"name": "A. Prover", "key": SigningKey.generate().public.text}],
    }
    content = {"site": "berlin", "state": "state", "keys": "keys", "studies": [study]}
    (folder / "site.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def at_the_site(folder: Path, *words: str) -> int:
    return exporter(["--config", str(folder / "site.yaml"), "study", *words])


def centre_key(centre: Centre) -> VerifyingKey:
    return SigningKey.load(centre.folder.parent / "centre.pem").public


def test_a_new_version_is_shown_in_words_and_taken_only_when_accepted(
    centre: Centre, client: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    site = a_site(centre, str(client.base_url), centre_key(centre))
    before = (site / "liver.yaml").read_bytes()
    centre.write_study(version=2, structures=STRUCTURES)
    assert at_the_centre(centre, "sign", "liver") == 0
    seen_by_the_running_centre()
    capsys.readouterr()

    assert at_the_site(site, "diff", "liver") == 0
    words = capsys.readouterr().out
    assert "here is version 1, offered is 2" in words
    assert "tables can leave that could not before: " in words
    assert "structures: spleen is added (code spleen, label Spleen)" in words
    assert (site / "liver.yaml").read_bytes() == before

    assert at_the_site(site, "accept", "liver", "--yes") == 0
    assert yaml.safe_load((site / "liver.yaml").read_bytes())["version"] == 2
    assert (site / "liver.version-1.yaml").read_bytes() == before
    assert at_the_site(site, "accept", "liver", "--yes") == 0
    assert "nothing to do" in capsys.readouterr().out


def seen_by_the_running_centre() -> None:
    time.sleep(1.05)  # it looks at the registry once a second


def test_a_file_that_was_altered_or_signed_by_somebody_else_is_not_taken(
    centre: Centre, client: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    site = a_site(centre, str(client.base_url), centre_key(centre))
    centre.write_study(version=2, structures=STRUCTURES)
    at_the_centre(centre, "sign", "liver")
    signed = json.loads((centre.folder / "signed" / "liver" / "2.json").read_text(encoding="utf-8"))
    altered = site / "altered.json"
    altered.write_text(json.dumps(signed | {"text": signed["text"].replace("Spleen", "Brain")}), encoding="utf-8")
    stranger = centre.folder.parent / "stranger.pem"
    SigningKey.generate().save(stranger)
    centre.write_study(version=3)
    at_the_centre(centre, "sign", "liver", "--key", str(stranger))

    for file in (altered, centre.folder / "signed" / "liver" / "3.json"):
        capsys.readouterr()
        assert at_the_site(site, "accept", "liver", "--yes", "--file", str(file)) == 1
        assert "not signed by a key that this site trusts" in capsys.readouterr().out
    assert yaml.safe_load((site / "liver.yaml").read_bytes())["version"] == 1


def test_an_older_version_cannot_be_put_back_on_a_site(
    centre: Centre, client: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    at_the_centre(centre, "sign", "liver")
    centre.write_study(version=2)
    site = a_site(centre, str(client.base_url), centre_key(centre))

    assert at_the_site(site, "accept", "liver", "--yes", "--file", str(centre.folder / "signed" / "liver" / "1.json")) == 1
    assert "only a newer version" in capsys.readouterr().out


def test_one_version_number_is_signed_once(centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    assert at_the_centre(centre, "sign", "liver") == 0
    centre.write_study(structures=STRUCTURES)

    assert at_the_centre(centre, "sign", "liver") == 1
    assert "a change needs version 2" in capsys.readouterr().out


def test_a_site_on_an_older_version_reports_by_its_own_rules(centre: Centre, client: httpx.Client) -> None:
    centre.write_study(structures=STRUCTURES)
    at_the_centre(centre, "sign", "liver")
    centre.write_study(version=2)
    at_the_centre(centre, "sign", "liver")
    seen_by_the_running_centre()
    spleen = a_table("structure_state", {("present",): 40}, "spleen")

    def sent(site: str, version: int) -> int:
        report = a_report(site, tables=(spleen,), facts=SiteFacts(release="0.1.0", study_version=version))
        return client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code

    assert (sent("berlin", 1), sent("lyon", 2)) == (201, 422)


def test_totals_leave_out_sites_whose_version_defines_the_table_otherwise(centre: Centre, client: httpx.Client) -> None:
    at_the_centre(centre, "sign", "liver")
    centre.write_study(version=2, cohort={"modalities": ["CT"]})
    at_the_centre(centre, "sign", "liver")
    seen_by_the_running_centre()
    for site, version in (("berlin", 1), ("lyon", 2)):
        report = a_report(site, facts=SiteFacts(release="0.1.0", study_version=version, tables={"population": "offered"}))
        assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201

    page = client.get("/metrics").text
    assert 'study_consortium_patients{study="liver",total="last_known"} 40\n' in page
    assert 'study_consortium_patients_sites{study="liver",total="last_known"} 1\n' in page
    assert 'study_consortium_patients_upper{study="liver"' not in page
    assert 'study_site_tables_defined_otherwise{study="liver",site="berlin"} 1\n' in page
    assert 'study_patients{study="liver",site="berlin"} 40\n' in page


def a_version(number: int, **more: object) -> Study:
    return Study.model_validate(a_study(version=number) | more)


def test_a_title_or_a_target_changes_no_definition_and_a_cohort_every_one() -> None:
    one, renamed = a_version(1), a_version(2, title="Liver, second phase")
    narrowed, more = a_version(2, cohort={"modalities": ["CT"]}), a_version(2, structures=STRUCTURES)

    for key, table in one.tables():
        assert definition(one, key, table) == definition(renamed, key, table)
        assert definition(one, key, table) != definition(narrowed, key, table)
    changed = {str(key) for key, table in one.tables() if definition(one, key, table) != definition(more, key, table)}
    assert {"stage", "reached", "extra_structures"} <= changed
    assert not changed & {"population", "sex", "structure_state:liver", "job_outcome:segment"}


def test_every_difference_has_a_sentence() -> None:
    sites = [dict(site) for site in a_study()["sites"]]  # type: ignore[attr-defined]
    sites[0]["member_until"] = "2026-12-31"
    found = study_changes(a_version(1), a_version(2, sites=sites[:2], disclosure={"k": 12, "s": 25, "b": 10}))

    assert "sites: berlin: member_until: nothing becomes 2026-12-31" in found
    assert any(line.startswith("sites: oslo") and line.endswith("is taken out") for line in found)
    assert "disclosure: k: nothing becomes 12" in found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.sampled_from([1, 2, 3])), min_size=1, max_size=6))
def test_the_bounds_hold_the_truth_of_the_definition_in_force(consortium: list[tuple[int, int, int]]) -> None:
    """Each site has some patients by the old definition and others by the new one; version 3 is a title only."""
    versions = {1: a_version(1), 2: a_version(2, cohort={"modalities": ["CT"]})}
    versions[3] = a_version(3, title="Third", cohort={"modalities": ["CT"]})
    members, truth = [], 0
    for old, new, version in consortium:
        published = Policy().parameters.published(old if version == 1 else new)
        facts = SiteFacts(release="0.1.0", study_version=version, tables={"population": "offered"})
        tables = (a_table("population", {(): published}),) if published else ()
        standing = Standing.of(a_report(tables=tables, facts=facts, grid_point=TODAY), NOW)
        site = versions[3].sites[0]
        members.append(Member(versions[3], site, standing, "fresh", 0, NOW, expected=True, current=True))
        truth += new

    totals = study_totals(versions[3], members, TotalsMemory(), versions.get)

    for cell in totals.of("last_known", TableKey("population")).cells:
        assert cell.lower <= truth
        assert cell.upper is None or truth <= cell.upper
