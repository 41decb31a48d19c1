"""What a site has to pass before data flow: due days from the study file, and the days on which people say it was passed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import yaml

from studyscope_aggregator.samples import Sample
from studyscope_contract.catalogue import centre
from studyscope_contract.names import Slug
from studyscope_contract.study import Study
from studyscope_contract.study_site import Milestone, StudySite
from studyscope_contract.yaml_file import Strict, parse_yaml

PASSED_FOLDER = "passed"


class Passed(Strict):
    """One milestone of one site, told to the centre with `site passed`."""

    study: Slug
    site: Slug
    milestone: Milestone
    on: dt.date


PassedDays = Mapping[tuple[str, str], Mapping[str, dt.date]]
"""Day of each passed milestone, by (study, site)."""


def read_passed(registry: Path) -> PassedDays:
    """Every milestone that was told of; raises FileProblem."""
    found: dict[tuple[str, str], dict[str, dt.date]] = {}
    for path in sorted((registry / PASSED_FOLDER).glob("*.yaml")):
        with suppress(FileNotFoundError):  # taken back, this moment
            one = parse_yaml(path.read_bytes(), path, Passed)
            found.setdefault((one.study, one.site), {})[one.milestone] = one.on
    return found


def set_passed(registry: Path, passed: Passed) -> None:
    """In force within a second; a later day for the same milestone replaces it."""
    path = _path(registry, passed.study, passed.site, passed.milestone)
    path.parent.mkdir(exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(yaml.safe_dump(passed.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    new.replace(path)


def set_not_passed(registry: Path, study: str, site: str, milestone: str) -> None:
    """Takes back what was told by mistake."""
    _path(registry, study, site, milestone).unlink(missing_ok=True)


def _path(registry: Path, study: str, site: str, milestone: str) -> Path:
    return registry / PASSED_FOLDER / f"{study}.{site}.{milestone}.yaml"


def milestone_samples(study: Study, site: StudySite, passed: PassedDays) -> Iterator[Sample]:
    """Due and passed days of one site; a milestone that is neither due nor passed has no sample."""
    days = passed.get((study.id, site.id), {})
    for series, by_name in ((centre.SITE_MILESTONE_DUE, site.milestones), (centre.SITE_MILESTONE_PASSED, days)):
        for name, day in by_name.items():
            labels = (("study", study.id), ("site", site.id), ("milestone", name))
            yield Sample(series.name, labels, dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())
