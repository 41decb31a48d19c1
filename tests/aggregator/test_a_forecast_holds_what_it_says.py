"""The forecast against recruitment made by code, and as the centre shows it."""

from __future__ import annotations

import datetime as dt
import math
import random
import time
from bisect import bisect_right
from pathlib import Path

import httpx
import pytest

from aggregator_cast import TODAY, Centre, StandingClock, a_report, a_table, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.forecast.curve import Curve, Release
from studyscope_aggregator.forecast.interval import Start, expected
from studyscope_aggregator.forecast.outlook import outlook
from studyscope_aggregator.forecast.pace import DAY, pace
from studyscope_aggregator.stores.sqlite import SqliteStore
from studyscope_contract.policy import PRESETS
from studyscope_contract.report import ProtectedTable

BEGAN = dt.datetime(2026, 1, 1, 4, tzinfo=dt.UTC)
TENS = PRESETS["tens"]


def recruited(rng: random.Random, days: int) -> list[int]:
    """The day of each patient of a hospital whose pace becomes another one every season."""
    patients: list[int] = []
    for day in range(days):
        if day % 90 == 0:
            per_day = 0.4 * math.exp(rng.gauss(0, 0.7))
        patients += [day] * sum(rng.random() < per_day / 10 for _ in range(10))
    return patients


def published(patients: list[int], last_day: int) -> tuple[Release, ...]:
    found: list[Release] = []
    before = 0
    for day in sorted(set(patients)):
        count = bisect_right(patients, day)
        shown = TENS.published(count)
        if day <= last_day and shown is not None and count - before >= TENS.m:
            before = count
            found.append(Release(BEGAN + day * DAY, len(found) + 1, shown, *TENS.bounds(shown)))
    return tuple(found)


def a_steady_site(site: str = "berlin", days: int = 200, silent: int = 0) -> Curve:
    """Ten patients every ten days."""
    releases = tuple(
        Release(BEGAN + day * DAY, day // 10, day + 10, day + 5, day + 14) for day in range(10, days - silent + 1, 10)
    )
    return Curve(site, releases, BEGAN + (days - silent) * DAY)


def test_releases_that_lie_ahead_of_a_clock_that_was_set_back_are_no_pace() -> None:
    assert pace([a_steady_site(days=100)], BEGAN + 5 * DAY) is None


@pytest.mark.parametrize(("sites", "ahead"), [(1, 60), (1, 180), (4, 60), (4, 180)])
def test_the_interval_holds_the_truth_about_four_times_out_of_five(sites: int, ahead: int) -> None:
    rng, held = random.Random(f"{sites} {ahead}"), []
    for _ in range(60):
        hospitals = [recruited(rng, 700) for _ in range(sites)]
        for now in (200, 350, 500):
            curves = [Curve(str(i), published(one, now), BEGAN + now * DAY) for i, one in enumerate(hospitals)]
            showing = [curve for curve in curves if curve.releases]
            measured = pace(showing, BEGAN + now * DAY)
            if measured is None:
                continue
            newest = [curve.releases[-1] for curve in showing]
            said = expected(Start.of((one.value, one.lower, one.upper) for one in newest), measured, ahead)
            truth = sum(bisect_right(hospitals[int(curve.site)], now + ahead) for curve in showing)
            held.append(said.lower <= truth <= said.upper)

    assert len(held) > 100
    assert 0.7 <= sum(held) / len(held) <= 0.97


def test_the_target_of_a_steady_study_lies_between_its_dates() -> None:
    found = outlook("liver", [a_steady_site()], {"berlin": 300}, BEGAN + 200 * DAY)
    reached, true = found.reached, BEGAN + 290 * DAY

    assert reached.earliest is not None
    assert reached.likely is not None
    assert reached.latest is not None
    assert BEGAN + 200 * DAY < reached.earliest < true < reached.latest
    assert abs(reached.likely - true) < 10 * DAY
    assert found.sites["berlin"] == reached


def test_a_target_that_is_reached_is_reached_today_and_one_too_far_has_no_date() -> None:
    now = BEGAN + 200 * DAY
    near, far = (outlook("liver", [a_steady_site()], {"berlin": target}, now).reached for target in (150, 20000))

    assert near.latest == now.replace(hour=0)
    assert (far.earliest, far.latest) == (None, None)


def test_an_outage_of_one_site_does_not_slow_the_study_down() -> None:
    now = BEGAN + 200 * DAY
    both, with_outage = (pace([a_steady_site("berlin"), a_steady_site("lyon", silent=silent)], now) for silent in (0, 30))

    assert both is not None
    assert with_outage is not None
    assert with_outage.per_day == pytest.approx(both.per_day, rel=0.05)


def test_what_a_site_has_when_it_is_first_shown_is_no_pace() -> None:
    backlog = tuple(Release(BEGAN + day * DAY, i + 1, 800 + 10 * i, 795, 804) for i, day in enumerate((100, 150, 200)))

    found = pace([Curve("oslo", backlog, BEGAN + 200 * DAY)], BEGAN + 200 * DAY)

    assert found is not None
    assert found.per_day == pytest.approx(0.2)


def test_before_two_moves_nothing_is_forecast() -> None:
    once = Curve("oslo", a_steady_site().releases[:2], BEGAN + 30 * DAY)

    assert outlook("liver", [once], {"oslo": 100}, BEGAN + 30 * DAY).patients == {}
    assert outlook("liver", [], {}, BEGAN).patients == {}


def grown(day: int) -> ProtectedTable:
    """A table that moves every eighth day."""
    moved = day // 8 * 8
    value = 40 + moved // 8 * 10
    return a_table(cells={(): value}).model_copy(update={"version": moved // 8 + 1, "released": TODAY - 100 + moved})


def test_a_centre_that_starts_again_shows_the_forecast_of_what_it_was_sent(tmp_path: Path) -> None:
    centre, clock = Centre(tmp_path / "registry"), StandingClock()
    with served(create_app(centre.settings(), SqliteStore(tmp_path / "reports.db"), clock)) as client:
        for day in range(100):
            report = a_report(sequence=day + 1, grid_point=TODAY - 99 + day, tables=(grown(day),))
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201

    with served(create_app(centre.settings(), SqliteStore(tmp_path / "reports.db"), clock)) as client:
        deadline = time.monotonic() + 20
        while (found := shown(client, "study_forecast_patients")) == {} and time.monotonic() < deadline:
            time.sleep(0.05)
        dates = shown(client, "study_site_forecast_target_timestamp_seconds")

    ninety = {bound: found[f'study="liver",days="90",bound="{bound}"'] for bound in ("lower", "middle", "upper")}
    assert ninety["lower"] < 160 + 90 * 1.25 < ninety["upper"]
    assert ninety["middle"] == pytest.approx(160 + 90 * 1.25, rel=0.05)
    assert [labels for labels in dates if 'bound="earliest"' in labels] == ['study="liver",site="berlin",bound="earliest"']


def shown(client: httpx.Client, name: str) -> dict[str, float]:
    """Values of the series `name` on the page that Prometheus reads, by their labels."""
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(f"{name}{{")]
    return {line.split("{")[1].split("}")[0]: float(line.rpartition(" ")[2]) for line in lines}
