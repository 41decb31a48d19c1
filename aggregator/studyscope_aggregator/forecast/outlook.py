"""What a study can expect: patients on coming days, and when its target is reached."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from studyscope_aggregator.forecast.curve import Curve
from studyscope_aggregator.forecast.interval import Expected, Start, expected
from studyscope_aggregator.forecast.pace import DAY, pace
from studyscope_aggregator.samples import Sample
from studyscope_contract.catalogue import forecast

FURTHEST = 5 * 365
"""Days; a target that lies further ahead at this pace has no date."""


@dataclass(frozen=True)
class Reached:
    """When a target is reached, four times out of five; None lies further ahead than anybody can say."""

    earliest: dt.datetime | None
    likely: dt.datetime | None
    latest: dt.datetime | None


NEVER_SAID = Reached(None, None, None)


@dataclass(frozen=True)
class Outlook:
    """The forecast of one study: patients by days from now, the date of its target, and of each site's."""

    study: str
    patients: Mapping[int, Expected] = field(default_factory=dict)
    reached: Reached = NEVER_SAID
    sites: Mapping[str, Reached] = field(default_factory=dict)


def outlook(study: str, curves: Sequence[Curve], targets: Mapping[str, int], now: dt.datetime) -> Outlook:
    """The forecast at `now` for the sites that show a number; empty while these moved less than twice.

    `targets`: patients by site; the study's is their sum.
    """
    showing = [curve for curve in curves if curve.releases]
    ahead = _forecast(showing, now)
    if ahead is None:
        return Outlook(study)
    sites = {}
    for curve in showing:
        alone = _forecast([curve], now)
        if alone is not None and curve.site in targets:
            sites[curve.site] = _reached(alone, targets[curve.site], now)
    whole = _reached(ahead, sum(targets.values()), now) if targets else NEVER_SAID
    return Outlook(study, {days: ahead(days) for days in forecast.DAYS}, whole, sites)


def _forecast(curves: Sequence[Curve], now: dt.datetime) -> Callable[[int], Expected] | None:
    measured = pace(curves, now)
    if measured is None:
        return None
    newest = [curve.releases[-1] for curve in curves]
    start = Start.of((release.value, release.lower, release.upper) for release in newest)
    return lambda days: expected(start, measured, days)


def _reached(ahead: Callable[[int], Expected], target: int, now: dt.datetime) -> Reached:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)

    def first(bound: Callable[[Expected], float]) -> dt.datetime | None:
        if bound(ahead(FURTHEST)) < target:
            return None
        too_early, late_enough = -1, FURTHEST
        while late_enough - too_early > 1:
            middle = (too_early + late_enough) // 2
            too_early, late_enough = (too_early, middle) if bound(ahead(middle)) >= target else (middle, late_enough)
        return today + late_enough * DAY

    return Reached(first(lambda e: e.upper), first(lambda e: e.middle), first(lambda e: e.lower))


def outlook_samples(outlook: Outlook) -> Iterator[Sample]:
    """The series of a forecast; what cannot be said has no sample."""
    study = ("study", outlook.study)
    for days, patients in outlook.patients.items():
        for bound in forecast.BOUNDS:
            labels = (study, ("days", str(days)), ("bound", bound))
            yield Sample(forecast.PATIENTS.name, labels, round(getattr(patients, bound)))
    yield from _dates(forecast.TARGET.name, (study,), outlook.reached)
    for site, reached in outlook.sites.items():
        yield from _dates(forecast.SITE_TARGET.name, (study, ("site", site)), reached)


def _dates(name: str, who: tuple[tuple[str, str], ...], reached: Reached) -> Iterator[Sample]:
    for bound in forecast.DATES:
        moment = getattr(reached, bound)
        if moment is not None:
            yield Sample(name, (*who, ("bound", bound)), moment.timestamp())
