"""what befalls a membership: a milestone passed, closed, or merged into another site

passed a milestone before data flow (contract, ethics, network, installed, data_ready)
close  the site's last day as a member; from the day after it is expected nowhere and is in no total
merge  the same, and another site goes on with its patients; dashboards show where they went
Its history stays. The signed study file is not changed; put the day there with the next version.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path
from typing import get_args

from studyscope_aggregator.administration import actor_argument, steps_of, tell
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.closings import close
from studyscope_aggregator.milestones import Passed, set_not_passed, set_passed
from studyscope_aggregator.registered_sites import Closing
from studyscope_aggregator.registry import STUDIES_FOLDER, load_registry
from studyscope_aggregator.settings import CentreSettings
from studyscope_contract.study_site import Milestone
from studyscope_contract.yaml_file import FileProblem, Problem

STEPS = {
    "passed": "a milestone before data flow was passed",
    "close": "the site takes part no longer",
    "merge": "another site goes on with its patients",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    steps = steps_of(parser, STEPS)
    _passed_arguments(steps.pop("passed"))
    for name, step in steps.items():
        step.add_argument("study", metavar="STUDY")
        step.add_argument("site", metavar="SITE")
        if name == "merge":
            step.add_argument("into", metavar="INTO", help="the site that goes on with the patients")
        step.add_argument("--last-day", type=dt.date.fromisoformat, metavar="DATE", help="default: today")
        step.add_argument("--why", required=True, help="for the audit log")
        actor_argument(step)


def _passed_arguments(step: argparse.ArgumentParser) -> None:
    step.add_argument("study", metavar="STUDY")
    step.add_argument("site", metavar="SITE")
    step.add_argument("milestone", metavar="MILESTONE", choices=get_args(Milestone), help="one of %(choices)s")
    step.add_argument("--on", type=dt.date.fromisoformat, metavar="DATE", help="default: today")
    step.add_argument("--undo", action="store_true", help="it was not passed after all")
    actor_argument(step)


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    now = SystemClock().now()
    if chosen.step == "passed":
        return _passed(settings.registry, chosen, now)
    into = getattr(chosen, "into", None)
    _must_be_members(settings.registry, chosen.study, chosen.site, into)
    closing = Closing(study=chosen.study, site=chosen.site, last_day=chosen.last_day or now.date(), into=into, why=chosen.why)
    close(settings.registry, closing)
    facts = {"study": closing.study, "site": closing.site, "last_day": closing.last_day.isoformat(), "into": into}
    tell(settings.registry, chosen, now, f"site {chosen.step}", **facts, why=closing.why)
    print(f"site {closing.site} takes part in study {closing.study} until {closing.last_day}")
    if into:
        print(f"Its patients are counted at {into} as soon as that site has them; until then they are in no total.")
    return 0


def _passed(registry: Path, chosen: argparse.Namespace, now: dt.datetime) -> int:
    _must_be_members(registry, chosen.study, chosen.site)
    facts = {"study": chosen.study, "site": chosen.site, "milestone": chosen.milestone}
    if chosen.undo:
        set_not_passed(registry, **facts)
        tell(registry, chosen, now, "site passed --undo", **facts)
        print(f"site {chosen.site} has not passed {chosen.milestone}")
        return 0
    passed = Passed.model_validate({**facts, "on": chosen.on or now.date()})
    set_passed(registry, passed)
    tell(registry, chosen, now, "site passed", **facts, on=passed.on.isoformat())
    print(f"site {chosen.site} passed {chosen.milestone} on {passed.on}")
    return 0


def _must_be_members(registry: Path, study: str, *sites: str | None) -> None:
    found = load_registry(registry).study(study)
    for site in sites:
        if found is None or (site is not None and found.site(site) is None):
            missing = f"holds no study {study} with a site {site}"
            raise FileProblem(registry / STUDIES_FOLDER, [Problem(0, "", missing)])
