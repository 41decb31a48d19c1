"""one screen: last delivery, next release, what waits for a person

Exit codes as Nagios and Zabbix read them: 0 fine, 1 somebody should look soon, 2 somebody must
act now, 3 the state could not be read.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from dataclasses import asdict, dataclass, field

from studyscope_exporter.before_release.words import nearly_the_same
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.disclosure.census import roster_of
from studyscope_exporter.disclosure.contributions import POPULATION
from studyscope_exporter.disclosure.neighbours import overlaps
from studyscope_exporter.handing_in import OVERTAKEN
from studyscope_exporter.held_releases import held_long
from studyscope_exporter.site import Site, StudyAtSite
from studyscope_exporter.waiting_words import ago, tables_waiting

FINE, LOOK, ACT = 0, 1, 2
ACTIVITIES = {
    "paused": "paused by a person: no number moves; see resume",
    "frozen": "frozen by a person: the last numbers are repeated until recover",
    "withdrawn": "this site has left the study: nothing is shown; it can be taken out of the site file",
}
WORDS = {FINE: "OK", LOOK: "WARNING", ACT: "CRITICAL"}


@dataclass
class StudyStatus:
    """What the screen says of one study; nothing in it is a number of patients."""

    study: str
    activity: str
    last_report: int | None
    last_grid_point: str | None
    next_grid_point: str
    delivery_minute: int
    waiting_reports: int
    refused_reports: dict[int, str]
    tables_shown: dict[str, str]
    waiting_approvals: list[str]
    held_approvals: list[str]
    problems: list[str] = field(default_factory=list)
    level: int = FINE

    def note(self, level: int, problem: str) -> None:
        self.level = max(self.level, level)
        self.problems.append(problem)


def arguments(parser: argparse.ArgumentParser) -> None:
    study_argument(parser)
    parser.add_argument("--json", action="store_true", help="machine-readable")


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site:
        statuses = [study_status(site, study) for study in chosen_studies(site, chosen)]
        age = site.age_of_last_scan()
    if chosen.json:
        scan_age = None if age is None else int(age.total_seconds())
        print(json.dumps({"last_scan_age_seconds": scan_age, "studies": [asdict(status) for status in statuses]}, indent=2))
    else:
        _show(statuses, age)
    return max(status.level for status in statuses)


def study_status(site: Site, at_site: StudyAtSite) -> StudyStatus:
    domain, grid = at_site.domain.status(), at_site.settings.policy.grid
    last = domain.last_grid_point
    status = StudyStatus(
        study=at_site.study.id,
        activity=domain.activity,
        last_report=at_site.outbox.last_delivered(),
        last_grid_point=None if last is None else f"{grid.moment(last):%Y-%m-%d %H:%MZ}",
        next_grid_point=f"{grid.moment(site.next_grid_point(at_site)):%Y-%m-%d %H:%MZ}",
        delivery_minute=at_site.delivery_minute,
        waiting_reports=len(at_site.outbox.waiting()),
        refused_reports=at_site.outbox.unsettled(),
        tables_shown={str(key): f"{grid.moment(released):%Y-%m-%d}" for key, released in domain.released.items()},
        waiting_approvals=[str(key) for key in at_site.domain.pending_approvals()],
        held_approvals=[str(key) for key in domain.timed_out],
    )
    _judge(
        status,
        site,
        domain.frozen,
        domain.unsigned,
        overtaken=domain.overtaken,
        missed=0 if last is None else site.grid_point(at_site) - last,
    )
    if domain.holds:
        long = held_long(domain.holds, grid.every_days)
        times = "once" if domain.holds == 1 else f"{domain.holds} times in a row"
        status.note(LOOK if long else FINE, f"the audit has held the release {times}, which nobody outside can tell; see preview")
    for study in _like(site, at_site) if last is not None and not domain.published else ():
        status.note(FINE, f"shows no number while study {study} here has counted nearly the same people; see preview")
    return status


def _like(site: Site, at_site: StudyAtSite) -> list[str]:
    """Studies here that are about nearly the same people as one that waits for its first number."""
    contributions = site.contributions(at_site)
    if contributions is None:
        return []
    members, k = roster_of(contributions.tables[POPULATION]), at_site.settings.policy.parameters.k
    return [one.study for one in overlaps(members, contributions.beside) if nearly_the_same(one, k)]


def _judge(status: StudyStatus, site: Site, lost: str | None, unsigned: str | None, *, overtaken: bool, missed: int) -> None:
    if overtaken:
        status.note(ACT, OVERTAKEN)
    if lost:
        status.note(ACT, f"frozen: {lost}; see docs/acts.md, 'frozen'")
    elif status.activity != "active":
        status.note(LOOK if status.activity == "paused" else FINE, ACTIVITIES[status.activity])
    if unsigned:
        status.note(LOOK, unsigned)
    if status.refused_reports:
        newest = list(status.refused_reports.values())[-1]
        refused = len(status.refused_reports)
        which = (
            "a report was refused by the centre"
            if refused == 1
            else f"{refused} reports were refused by the centre, the last one"
        )
        status.note(ACT, f"{which}: {newest}")
    if status.waiting_reports > 3:
        status.note(ACT, f"{status.waiting_reports} reports wait for delivery: can the centre be reached? see check")
    elif status.waiting_reports > 1:
        status.note(LOOK, f"{status.waiting_reports} reports wait for delivery")
    if missed > 1:
        status.note(LOOK if missed <= 3 else ACT, f"no report for {missed} grid points: is `run` (or cron's `once`) active?")
    if missed < 0:
        said = f"the last report is of {status.last_grid_point}, which is still to come: this machine's clock was ahead"
        status.note(LOOK, f"{said}; nothing is lost, the next report follows it")
    _judge_approvals(status)
    for name, problem in site.last_scan().get("sources", {}).items():
        if problem:
            status.note(LOOK, f"source {name}: {problem}")
    for name, sentences in site.last_scan().get("to_mend", {}).items():
        status.note(LOOK, f"source {name}: {'; '.join(sentences)}")


def _judge_approvals(status: StudyStatus) -> None:
    held = len(status.held_approvals)
    if len(status.waiting_approvals) > held:
        status.note(LOOK, f"{tables_waiting(len(status.waiting_approvals) - held)}; see preview and approve")
    if held:
        which = "1 table is held" if held == 1 else f"{held} tables are held"
        status.note(LOOK, f"{which}: their approvers did not sign in time; who signs now begins anew")


def _show(statuses: list[StudyStatus], age: dt.timedelta | None) -> None:
    for status in statuses:
        said = status.problems or ["nothing waits for a person"]
        print(f"{WORDS[status.level]} study {status.study}:" + (f" {said[0]}" if len(said) == 1 else ""))
        for problem in said if len(said) > 1 else ():
            print(f"  - {problem}")
        print(f"  last grid point released  {status.last_grid_point or 'none yet'}")
        print(f"  last report delivered     {status.last_report or 'none yet'}")
        print(f"  waiting for delivery      {status.waiting_reports}")
        print(f"  next grid point           {status.next_grid_point}, sent {status.delivery_minute} min later")
        print(f"  tables shown              {len(status.tables_shown)}")
        print(f"  tables to be approved     {len(status.waiting_approvals)}")
    print(f"last scan finished          {'never' if age is None else ago(age)}")
