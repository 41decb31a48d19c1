"""One site file connects a folder, an archive, an nnU-Net output folder and an Airflow: every table they can fill fills.

The numbers are counted a second time from the files and answers themselves, by pydicom and nibabel
alone, and must be equal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_server import Airflow, airflow_at
from archive_server import PlainArchive, archive_at
from counted_from_the_files import counted_independently
from hospital_of_every_source import write_world
from orthanc_server import PASSWORD, USER, in_a_network_of_its_own, orthanc, store
from studyscope_contract.catalogue import TABLES
from studyscope_contract.keys import SigningKey
from studyscope_contract.metric import Kind
from studyscope_exporter.commands.count import Counts, exact_counts
from studyscope_exporter.disclosure.contributions import Cell, Contributions
from studyscope_exporter.disclosure.crossing import crossings_of_patients
from studyscope_exporter.facts import KINDS_THAT_FILL
from studyscope_exporter.identity import SiteIdentity
from studyscope_exporter.previewing import previewed
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site

STUDY = """\
schema: 1
id: liver
title: Liver
version: 1
leads: [{name: Dr. Lead, mail: lead@study.example}]
sites: [{id: berlin, name: Berlin, city: Berlin, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01}]
stages: [imaged, segmented]
structures: [{code: liver, label: Liver}, {code: spleen, label: Spleen}]
time_points:
  - {id: baseline, title: Baseline, day: 0}
  - {id: week-6, title: Week 6, day: 45, window: 14}
subgroup: {id: grade, title: Tumour grade, codes: {a: [low grade, "1", low], b: [high grade, "4"]}}
attributes: [Laterality, Manufacturer]
workflows: [{id: liver-seg, title: Segment, model: net, version: "2"}]
classifiers: [{id: phase, title: Contrast phase, positive: [arterial, portal], published: calibration}]
"""
SITE = """\
site: berlin
state: state
keys: keys
sources:
  - {{name: archive, kind: folder, path: dicom}}
  - name: pacs
    kind: dicomweb
    url: {pacs}
    login: {{by: basic, user: {user}, password: {{file: pacs.secret}}}}
  - name: results
    kind: nifti
    path: nnunet
    lesions: [liver, spleen]
    link: {{by: pattern, pattern: "{{PatientID}}.nii.gz"}}
  - name: workflows
    kind: airflow
    url: {airflow}
    dags: {{seg: {{workflow: liver-seg, model: net, version: "2"}}}}
    link: {{by: field, field: conf.series_uid, identifies: SeriesInstanceUID}}
    reasons: [{{task: convert, reason: bad_input}}]
  - name: phases
    kind: classification
    path: phases.csv
    classifier: phase
    columns: {{uncertainty: uncertainty, reference: truth}}
    link: {{by: field, field: patient}}
  - {{name: redcap, kind: clinical, path: redcap.csv, patient: record_id, variables: {{grade: grade}}}}
studies:
  - study_file: study.yaml
    centre: {{url: "http://127.0.0.1:9"}}
    approvers: [{{name: DPO, key: "{key}"}}]
    policy: {{two_way: [{two_way}]}}
"""
TWO_WAY = sorted(name for name, table in TABLES.items() if table.kind is Kind.TWO_WAY)


class StandingClock:
    """Shows one moment."""

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)

    def sleep_until(self, moment: dt.datetime) -> None:
        raise AssertionError("a scan does not wait")

    def wake(self) -> None:
        pass


@contextmanager
def plain(at: Path) -> Iterator[str]:
    with archive_at(PlainArchive(at / "in-the-archive")) as server:
        yield server.url


@contextmanager
def real(at: Path) -> Iterator[str]:
    with orthanc(at / "orthanc") as url:
        store(sorted((at / "in-the-archive").glob("*.dcm")))
        yield url


def scanned(at: Path, archive: Callable[[Path], Any]) -> tuple[Counts, set[str], list[str]]:
    """The exact tables after one scan, the tables that the sources can fill, and every finding that is to do."""
    with archive(at) as pacs, airflow_at(Airflow(at / "airflow")) as airflow:
        (at / "pacs.secret").write_text(PASSWORD)
        (at / "pacs.secret").chmod(0o600)
        (at / "study.yaml").write_text(STUDY)
        (at / "site.yaml").write_text(
            SITE.format(
                pacs=pacs, airflow=airflow.url, user=USER, key=SigningKey.generate().public.text, two_way=", ".join(TWO_WAY)
            )
        )
        SiteIdentity.create(at / "keys")
        with Site(read_site_file(at / "site.yaml"), StandingClock()) as site:
            to_do = [found.message for source in site.sources for found in source.check() if not found.ok]
            outcomes = site.scan()
            (study,) = site.studies
            contributions = site.contributions(study)
            assert contributions is not None
            crossings = crossings_of_patients(contributions.tables, study.study, study.settings.policy)
            counts = exact_counts(Contributions({**contributions.tables, **crossings}))
            # What an approver is shown beside the numbers that would leave is the same.
            shown = {str(each.key): cells_of(each.exact) for each in previewed(site, study).tables if each.key in crossings}
            assert shown == {str(key): counts[str(key)] for key in crossings}
            kinds = {source.kind for source in site.settings.sources}
            fillable = {
                str(key)
                for key, table in study.study.tables()
                if all(KINDS_THAT_FILL.get(part, frozenset()) & kinds for part in table.crosses or (key.table,))
            }
            return counts, fillable, to_do + [outcome.problem for outcome in outcomes if outcome.problem]


def cells_of(exact: Mapping[Cell, int]) -> dict[str, int]:
    return {" x ".join(cell): count for cell, count in sorted(exact.items()) if count}


def assert_everything_fills(at: Path, counts: Counts, fillable: set[str], to_do: list[str]) -> None:
    assert to_do == []
    expected = counted_independently(at)
    assert {table: counts[table] for table in expected} == expected
    assert {table.partition(":")[0] for table in expected}.issuperset(TWO_WAY)
    assert expected.keys() == fillable  # a new table that these sources fill is counted here too
    assert all(sum(cells.values()) for cells in expected.values())


def test_every_table_fills_and_equals_an_independent_count(tmp_path: Path) -> None:
    write_world(tmp_path)

    assert_everything_fills(tmp_path, *scanned(tmp_path, plain))


@pytest.mark.real
def test_every_table_fills_from_a_real_orthanc_too(tmp_path: Path) -> None:
    write_world(tmp_path)

    assert_everything_fills(tmp_path, *in_a_network_of_its_own(lambda: scanned(tmp_path, real)))
