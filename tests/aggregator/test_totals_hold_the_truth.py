"""Consortium totals against simulated truth: hospitals with true counts, their policies, what they publish."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator_cast import NOW, TODAY, a_report, a_table
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.totals import NOTHING, TableTotal, table_total
from studyscope_contract.catalogue import TABLES
from studyscope_contract.grid import Grid
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import PRESETS, Policy
from studyscope_contract.report import Offer, PolicyStatement, SiteFacts

SEX, VOLUME, OUTCOME, POPULATION = (TABLES[name] for name in ("sex", "structure_volume", "job_outcome", "population"))
SERIES, STAGE = TABLES["image_series"], TABLES["stage"]
SEXES = tuple(SEX.cells)

presets = st.sampled_from(sorted(PRESETS))
offers = st.sampled_from(["offered", "offered", "offered", "refused", "not_approved", "no_source"])


def a_site(
    table: str, published: Mapping[tuple[str, ...], int], preset: str = "tens", offer: Offer = "offered", per: str = ""
) -> Standing:
    shown = (a_table(table, dict(published), per),) if published else ()
    policy = PolicyStatement.of(Policy.model_validate({"preset": preset}))
    facts = SiteFacts(release="0.1.0", study_version=1, tables={table: offer})
    return Standing.of(a_report(tables=shown, policy=policy, facts=facts), NOW)


def released(true: Mapping[tuple[str, ...], int], preset: str, *, sensitive: bool = False) -> dict[tuple[str, ...], int]:
    """What the site's policy lets out: nothing under the threshold, and of a sensitive table no cell with everybody."""
    parameters, everybody = PRESETS[preset], sum(true.values())
    out = {}
    for cell, count in true.items():
        shown = parameters.published(count)
        if shown is not None and not (sensitive and shown == parameters.published(everybody)):
            out[cell] = shown
    return out


@st.composite
def hospitals(draw: st.DrawFn, cells: tuple[tuple[str, ...], ...], table: str, per: str = "") -> tuple[Standing | None, dict]:
    """One hospital and the truth at its last release; a table that it does not offer has a truth too."""
    true = {cell: draw(st.integers(0, 400) | st.integers(0, 20)) for cell in cells}
    preset, offer = draw(presets), draw(offers)
    if draw(st.integers(0, 9)) == 0:
        return None, true
    published = released(true, preset, sensitive=TABLES[table].sensitive) if offer == "offered" else {}
    return a_site(table, published, preset, offer, per), true


def assert_holds(total: TableTotal, truth: list[dict]) -> None:
    for cell in total.cells:
        true = sum(site[cell.codes] for site in truth)
        assert cell.lower <= true
        assert cell.upper is None or true <= cell.upper


@settings(max_examples=150, deadline=None)
@given(st.lists(hospitals(SEXES, "sex"), min_size=1, max_size=8))
def test_the_bounds_of_a_partition_hold_the_truth(consortium: list) -> None:
    sites, truth = zip(*consortium, strict=True)

    assert_holds(table_total(TableKey("sex"), SEX, SEXES, sites), truth)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(30, 9000), presets, st.booleans()), min_size=1, max_size=6))
def test_the_bounds_of_a_sum_over_patients_hold_the_truth(consortium: list) -> None:
    """A site hides its sum where somebody dominates, however large it is."""
    sites = []
    for total, preset, hides in consortium:
        shown = None if hides else PRESETS[preset].published_sum(total, SERIES.clip)
        sites.append(a_site("image_series", {} if shown is None else {(): shown}, preset))

    found = table_total(TableKey("image_series"), SERIES, ((),), sites)

    assert_holds(found, [{(): total} for total, _, _ in consortium])
    assert all((cell.upper is None) == any(not site.tables for site in sites) for cell in found.cells)


STAGES = tuple(STAGE.cells)
REPORTING = Policy.model_validate(
    {"preset": "coarse", "disclosure": {"reported": ["stage"], "legal_basis": "Protocol 4.2, section 7"}}
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 40), min_size=len(STAGES), max_size=len(STAGES)), min_size=1, max_size=4),
    st.lists(hospitals(STAGES, "stage"), max_size=3),
)
def test_a_number_that_is_reported_exactly_has_no_bounds_around_it(exact: list[list[int]], protected: list) -> None:
    facts = SiteFacts(release="0.1.0", study_version=1, tables={"stage": "offered"})
    truth, sites = [], []
    for counts in exact:
        truth.append(dict(zip(STAGES, counts, strict=True)))
        tables = (a_table("stage", truth[-1], unit="reported"),)
        sites.append(Standing.of(a_report(tables=tables, policy=PolicyStatement.of(REPORTING), facts=facts), NOW))

    alone = table_total(TableKey("stage"), STAGE, STAGES, sites)
    assert [(cell.lower, cell.value, cell.upper) for cell in alone.cells] == [
        (total,) * 3 for total in (sum(site[code] for site in truth) for code in STAGES)
    ]
    others = [site for site, _ in protected]
    assert_holds(table_total(TableKey("stage"), STAGE, STAGES, [*sites, *others]), [*truth, *(true for _, true in protected)])


def test_a_site_that_has_not_reported_its_exact_numbers_yet_leaves_the_total_open() -> None:
    facts = SiteFacts(release="0.1.0", study_version=1, tables={"stage": "offered"})
    awaited = Standing.of(a_report(tables=(), policy=PolicyStatement.of(REPORTING), facts=facts), NOW)

    found = table_total(TableKey("stage"), STAGE, STAGES, [awaited])

    assert {(cell.value, cell.lower, cell.upper) for cell in found.cells} == {(None, 0, None)}


@settings(max_examples=150, deadline=None)
@given(st.lists(hospitals(OUTCOME.cells, "job_outcome", "segment"), min_size=1, max_size=6))
def test_the_bounds_of_a_sensitive_table_hold_the_truth(consortium: list) -> None:
    sites, truth = zip(*consortium, strict=True)

    assert_holds(table_total(TableKey("job_outcome", "segment"), OUTCOME, OUTCOME.cells, sites), truth)


@st.composite
def histograms(draw: st.DrawFn) -> tuple[Standing, list[int]]:
    """One hospital's fine buckets, merged at random edges until each can be shown; hidden when fewer than two remain."""
    preset = draw(presets)
    fine = [draw(st.integers(0, 120)) for _ in VOLUME.cells]
    merged: dict[tuple[str, ...], int] = {}
    waiting = 0
    for (edge,), count in zip(VOLUME.cells, fine, strict=True):
        waiting += count
        shown = PRESETS[preset].published(waiting)
        if shown is not None and (draw(st.booleans()) or edge == "+Inf"):
            merged[edge,] = shown
            waiting = 0
    closed = ("+Inf",) in merged and len(merged) > 1
    return a_site("structure_volume", merged if closed else {}, preset, per="liver"), fine


@settings(max_examples=150, deadline=None)
@given(st.lists(histograms(), min_size=1, max_size=6))
def test_the_bounds_of_a_histogram_hold_the_truth_up_to_every_edge(consortium: list[tuple[Standing, list[int]]]) -> None:
    sites = [site for site, _ in consortium]
    total = table_total(TableKey("structure_volume", "liver"), VOLUME, VOLUME.cells, sites)

    values = [cell.value for cell in total.cells if cell.value is not None]
    assert values == sorted(values)
    for cell in total.cells:
        upto = VOLUME.cells.index(cell.codes) + 1
        showing = [fine for site, fine in consortium if site.tables]
        assert cell.lower <= sum(sum(fine[:upto]) for fine in showing)
        if cell.upper is not None:
            assert sum(sum(fine[:upto]) for _, fine in consortium) <= cell.upper


def population(*sites: Standing | None) -> TableTotal:
    return table_total(TableKey("population"), POPULATION, ((),), sites)


def test_where_every_site_is_hidden_the_bounds_are_shown() -> None:
    (cell,) = population(a_site("population", {}), a_site("population", {}, "coarse")).cells

    assert (cell.value, cell.lower, cell.upper, cell.sites) == (None, 0, 14 + 29, 0)


def test_a_hidden_site_widens_the_bounds_by_its_own_threshold() -> None:
    (cell,) = population(a_site("population", {(): 40}), a_site("population", {}, "coarse")).cells

    assert (cell.value, cell.lower, cell.upper, cell.sites) == (40, 35, 44 + 29, 1)


def test_what_is_missing_for_another_reason_leaves_no_upper_bound() -> None:
    shown = a_site("population", {(): 40})
    for missing in (None, *(a_site("population", {}, offer=offer) for offer in ("refused", "not_approved", "no_source"))):
        (cell,) = population(shown, missing).cells
        assert (cell.value, cell.lower, cell.upper, cell.sites) == (40, 35, None, 1)


def test_a_table_that_nobody_offers_has_no_total() -> None:
    assert population(None, a_site("population", {}, offer="refused")) is NOTHING


def test_the_oldest_release_is_told() -> None:
    assert population(a_site("population", {(): 40})).oldest == Grid().moment(TODAY - 30)
