"""Mails to the people of this hospital, through its own mail server: what waits for them, grouped, at most daily.

No mail holds a number of patients: mail is read on telephones and by other programs.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from studyscope_exporter.mail_server import MailNotSent, send
from studyscope_exporter.mail_settings import MailSettings, Role

AGAIN_AFTER = dt.timedelta(hours=23)  # a day, less what a slow delivery takes


@dataclass(frozen=True)
class Trouble:
    """One thing; `id` stays the same while it lasts, `short` is for a subject line."""

    id: str
    role: Role
    short: str
    words: str
    remedy: str


@dataclass(frozen=True)
class Told:
    """What people were told of a trouble: the role, its words, when last, and since when it is there."""

    role: Role
    words: str
    at: dt.datetime
    since: dt.datetime


@dataclass(frozen=True)
class Letter:
    """One mail to one role."""

    role: Role
    subject: str
    text: str


def letters(
    site: str, now: dt.datetime, troubles: Sequence[Trouble], told: Mapping[str, Told]
) -> tuple[list[Letter], dict[str, Told]]:
    """The mails that are due, at most one a role, and what is told once they are sent.

    A role gets a mail when something is new, when something was mended, and once a day while anything waits.
    """
    written, after = list[Letter](), dict(told)
    there = {one.id for one in troubles}
    for role in ("approvers", "operators"):
        mine = [one for one in troubles if one.role == role]
        new = [one for one in mine if one.id not in told]
        waiting = [one for one in mine if one.id in told]
        mended = {id_: old for id_, old in told.items() if old.role == role and id_ not in there}
        due = any(told[one.id].at + AGAIN_AFTER <= now for one in waiting)
        if not (new or mended or due):
            continue
        written.append(_letter(role, site, new, [(one, told[one.id]) for one in waiting], list(mended.values())))
        after = {id_: old for id_, old in after.items() if id_ not in mended}
        after |= {one.id: Told(role, one.words, now, told[one.id].since if one.id in told else now) for one in mine}
    return written, after


def _letter(
    role: Role, site: str, new: Sequence[Trouble], waiting: Sequence[tuple[Trouble, Told]], mended: Sequence[Told]
) -> Letter:
    subject = f"Studyscope at {site}: " + _in_short(new, [one for one, _ in waiting], mended)
    blocks = [
        _block("New", [f"{one.words}\n  What to do: {one.remedy}" for one in new]),
        _block(
            "Still waiting",
            [f"Since {told.since:%A, %d %B}: {one.words}\n  What to do: {one.remedy}" for one, told in waiting],
        ),
        _block("Mended, nothing to do", [one.words for one in mended]),
        "This can wait until the morning: it is about the study's numbers, which stand still or arrive later. Nothing is lost, "
        "and nobody's care depends on it.\n"
        "Commands are for the machine on which the exporter runs. You get this mail because the site file names you; while "
        "nothing changes, at most once a day.\n",
    ]
    return Letter(role, subject, "\n".join(block for block in blocks if block))


def _in_short(new: Sequence[Trouble], waiting: Sequence[Trouble], mended: Sequence[Told]) -> str:
    if new:
        return new[0].short + (f" and {len(new) - 1} more" if len(new) > 1 else "")
    if waiting:
        return "reminder: " + waiting[0].short + (f" and {len(waiting) - 1} more" if len(waiting) > 1 else "")
    return "mended" if len(mended) == 1 else f"{len(mended)} things mended"


def _block(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{title}:", *(f"- {line}" for line in lines), ""]) if lines else ""


class MailBook:
    """Remembers in one small file what people were told."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Told]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            return {id_: _told(one) for id_, one in content.items()}
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # none yet, or one that a power cut left half written
            return {}

    def keep(self, told: Mapping[str, Told]) -> None:
        content = {
            id_: {"role": one.role, "words": one.words, "at": one.at.isoformat(), "since": one.since.isoformat()}
            for id_, one in told.items()
        }
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
        os.replace(new, self._path)  # noqa: PTH105 - the atomic one on every platform


def _told(one: Mapping[str, str]) -> Told:
    role: Role = "approvers" if one["role"] == "approvers" else "operators"
    at = dt.datetime.fromisoformat(one["at"])
    return Told(role, one["words"], at, dt.datetime.fromisoformat(one["since"]) if "since" in one else at)


def tell_people(site: str, now: dt.datetime, found: Sequence[Trouble], settings: MailSettings, book: MailBook) -> Iterator[str]:
    """Sends what is due; gives the problems. What one role was not told is due again at the next occasion."""
    before = book.read()
    written, after = letters(site, now, found, before)
    for letter in written:
        addresses: tuple[str, ...] = getattr(settings.to, letter.role)
        try:
            if addresses:
                send(settings, addresses, letter.subject, letter.text, now)
        except MailNotSent as problem:
            yield str(problem)
            others = {id_: one for id_, one in after.items() if one.role != letter.role}
            after = others | {id_: one for id_, one in before.items() if one.role == letter.role}
    if after != before:
        book.keep(after)
