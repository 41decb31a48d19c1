"""When releases that the audit holds are worth a person's look, and what that person can do (privacy.md 2.1 step 9, 2.5)."""

from __future__ import annotations

from collections.abc import Iterator

from studyscope_contract.study import Study
from studyscope_exporter.local_mail import Trouble

_TIMES, _DAYS = 4, 14
_LADDER = (
    "names a group; more patients usually solve it. If not, one step after the other, each a change that two people sign: refuse "
    "a two-way table, refuse the table that is named (of people who are in one of two studies only, in either study), take a "
    "coarser preset"
)


def held_long(times: int, every_days: int) -> bool:
    """Whether so many releases in a row, one every so many days, were held for two weeks."""
    return times >= _TIMES and times * every_days >= _DAYS


def of_holds(study: Study, times: int, every_days: int) -> Iterator[Trouble]:
    """What approvers are told of it."""
    if held_long(times, every_days):
        words = (
            f"Every new release of study {study.id} ({study.title}) has been held for two weeks or longer: with what was "
            "published before it would prove a small group, or that could not be ruled out in time. The last numbers stand; "
            "nobody outside can tell."
        )
        remedy = f"studyscope-exporter preview --study {study.id} {_LADDER}"
        yield Trouble(f"held {study.id}", "approvers", f"releases of {study.id} are held", words, remedy)
