"""People of the sites: added and removed at the centre, followed by its alert routes, the study file untouched."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from aggregator_cast import Centre
from studyscope_aggregator.audit_log import AuditLog
from studyscope_aggregator.cli import main
from studyscope_aggregator.registry import load_registry
from studyscope_dashboards.registry_contacts import contacts_in

IT = ("berlin", "site_it", "IT desk", "it@berlin.example")


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    made = Centre(tmp_path / "registry")
    (tmp_path / "centre.yaml").write_text(yaml.safe_dump({"registry": "registry", "store": "store.sqlite"}))
    return made


def contacts(centre: Centre, step: str, *more: str) -> int:
    return main(["contacts", step, *more, "--config", str(centre.folder.parent / "centre.yaml")])


def routes(centre: Centre) -> dict[str, tuple[str, ...]]:
    return dict(contacts_in(centre.folder / "sites.yaml", []).site_it)


def test_somebody_new_is_told_and_the_study_file_stays_as_it_is(centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    study = (centre.folder / "studies" / "liver.yaml").read_bytes()

    assert contacts(centre, "add", *IT) == 0
    assert contacts(centre, "add", "berlin", "data_protection", "Dr. Doe", "dpo@berlin.example") == 0

    said = capsys.readouterr().out
    assert "it@berlin.example" in said
    assert "Dr. Doe" in said
    assert routes(centre)["berlin"] == ("it@berlin.example",)
    assert [one.mail for one in load_registry(centre.folder).sites["berlin"].contacts] == [
        "it@berlin.example",
        "dpo@berlin.example",
    ]
    assert (centre.folder / "studies" / "liver.yaml").read_bytes() == study


def test_what_stands_in_sites_yaml_goes_on_until_somebody_changes_it(centre: Centre) -> None:
    file = centre.folder / "sites.yaml"
    content = yaml.safe_load(file.read_text())
    content["sites"][0]["contacts"] = [{"role": "site_it", "name": "Old", "mail": "old@berlin.example"}]
    file.write_text(yaml.safe_dump(content))

    assert routes(centre)["berlin"] == ("old@berlin.example",)
    contacts(centre, "add", *IT)
    assert routes(centre)["berlin"] == ("old@berlin.example", "it@berlin.example")
    contacts(centre, "remove", "berlin", "site_it", "old@berlin.example")
    assert routes(centre)["berlin"] == ("it@berlin.example",)


def test_a_site_without_a_key_has_people_too(centre: Centre) -> None:
    (centre.folder / "sites.yaml").unlink()

    assert contacts(centre, "add", *IT) == 0
    assert routes(centre) == {"berlin": ("it@berlin.example",)}


def test_a_mistake_is_said_and_changes_nothing(centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    assert contacts(centre, "add", "atlantis", "site_it", "A", "a@b.example") == 2
    assert "no study names a site atlantis; there are: berlin" in capsys.readouterr().err
    assert contacts(centre, "add", "berlin", "site_it", "A", "not a mail") == 2
    assert "not a mail" in capsys.readouterr().err
    assert contacts(centre, "remove", "berlin", "site_it", "nobody@berlin.example") == 2
    assert "there is: site_it it@berlin.example" in capsys.readouterr().err
    assert not (centre.folder / "contacts.yaml").exists()


def test_the_log_says_that_and_not_who(centre: Centre) -> None:
    contacts(centre, "add", *IT)

    raw = (centre.folder / "audit.jsonl").read_text()
    assert "contacts add" in raw
    assert "it@berlin" not in raw
    assert AuditLog(centre.folder).first_broken_line() is None
