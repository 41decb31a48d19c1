"""The catalogue is whole: every table is named, counted and closed."""

import re
from typing import get_args

import pytest

from studyscope_contract.catalogue import TABLES
from studyscope_contract.catalogue.centre import SITE_SERIES, STUDY_SERIES, pool_series, total_series
from studyscope_contract.metric import Kind, Table, Unit
from studyscope_contract.report import SourceKind
from studyscope_exporter.collectors import COLLECTORS
from studyscope_exporter.facts import KINDS_THAT_FILL
from studyscope_exporter.sources.kinds import kinds


@pytest.fixture(params=list(TABLES.values()), ids=str)
def table(request: pytest.FixtureRequest) -> Table:
    found: Table = request.param
    return found


def test_a_table_has_a_collector_and_kinds_of_source_that_fill_it(table: Table) -> None:
    for part in table.crosses or (table.id,):
        assert part in COLLECTORS
        assert KINDS_THAT_FILL[part]
    assert (table.kind is Kind.TWO_WAY) == (len(table.crosses) == 2)


def test_every_kind_of_source_may_be_named_at_the_centre() -> None:
    assert set(kinds()) <= set(get_args(SourceKind))


def test_a_table_has_a_name_of_its_own_in_the_form_of_prometheus(table: Table) -> None:
    assert re.fullmatch(r"study_[a-z_]+", table.metric)
    assert not table.metric.endswith(("_total", "_count", "_sum", "_bucket"))
    assert [other.metric for other in TABLES.values()].count(table.metric) == 1


def test_a_table_says_what_it_counts_and_how_a_patient_contributes(table: Table) -> None:
    assert table.help.endswith(".")
    assert table.rule.endswith(".")


def test_a_table_counts_patients_in_closed_codes(table: Table) -> None:
    assert table.unit is Unit.PATIENT
    assert len(set(table.cells)) == len(table.cells)
    assert (table.kind in (Kind.POPULATION, Kind.MAGNITUDE)) == (table.dimensions == ())
    assert (table.kind is Kind.MAGNITUDE) == (table.clip > 0)


def test_only_progress_without_an_attribute_of_a_patient_can_be_reported_exactly(table: Table) -> None:
    """privacy.md, Reported numbers: never sex, age, device, outcome or result."""
    if table.reportable:
        assert {dimension.label for dimension in table.dimensions} <= {"stage", "roster"}
        assert not table.per
        assert not table.sensitive
        assert table.kind in (Kind.PARTITION, Kind.NESTED)
        assert not table.crosses


def test_bucket_edges_are_canonical_rising_and_open_at_the_end() -> None:
    for table in TABLES.values():
        if table.kind is Kind.HISTOGRAM:
            edges = table.dimensions[0].codes
            assert edges[-1] == "+Inf"
            assert [str(float(edge)) for edge in edges[:-1]] == list(edges[:-1])
            assert sorted(edges, key=float) == list(edges)


def test_no_two_series_of_the_system_share_a_name() -> None:
    names = [series.name for series in (*SITE_SERIES, *STUDY_SERIES)]
    names += [table.metric for table in TABLES.values()]
    names += [series.name for table in TABLES.values() for series in total_series(table)]
    names += [series.name for table in TABLES.values() if (series := pool_series(table)) is not None]

    assert len(set(names)) == len(names)
