"""Mails at the site: through a real mail server, grouped, at most daily, and said when it is mended."""

import datetime as dt
import re
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import ValidationError

from disclosure_cast import STUDY
from page_cast import make_site, run
from studyscope_exporter.held_releases import of_holds
from studyscope_exporter.local_mail import MailBook, Told, Trouble, letters, tell_people
from studyscope_exporter.mail_settings import MailSettings, MailTo

NIGHT = dt.datetime(2026, 5, 4, 3, tzinfo=dt.UTC)
DOWN = Trouble(
    "source archive", "operators", "source archive is down", "Source archive could not be read.", "studyscope-exporter check"
)
WAITS = Trouble("approval liver", "approvers", "tables of liver wait for you", "Tables wait.", "studyscope-exporter preview")


@dataclass
class Box:
    """What the mail server took."""

    mails: list[tuple[str, str, str]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=default)
        self.mails.append((",".join(envelope.rcpt_tos), str(message["subject"]), message.get_content().replace("\r\n", "\n")))
        return "250 taken"


@pytest.fixture
def server() -> Iterator[tuple[Box, int]]:
    box, port = Box(), free_port()
    sink = Controller(box, hostname="127.0.0.1", port=port)
    sink.start()
    yield box, port
    sink.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def settings(port: int) -> MailSettings:
    to = MailTo(approvers=("dpo@hospital.example",), operators=("it@hospital.example", "duty@hospital.example"))
    return MailSettings(host="127.0.0.1", port=port, encryption="none", sender="studyscope@hospital.example", to=to)


def test_each_role_gets_one_mail_with_everything_that_is_theirs(server: tuple[Box, int], tmp_path: Path) -> None:
    box, port = server
    stuck = Trouble("stuck liver", "operators", "jobs of liver are stuck", "Jobs run too long.", "cases stuck")

    assert list(tell_people("berlin", NIGHT, [DOWN, stuck, WAITS], settings(port), MailBook(tmp_path / "mails.json"))) == []
    assert [(to, subject) for to, subject, _ in box.mails] == [
        ("dpo@hospital.example", "Studyscope at berlin: tables of liver wait for you"),
        ("it@hospital.example,duty@hospital.example", "Studyscope at berlin: source archive is down and 1 more"),
    ]
    assert "What to do: studyscope-exporter check" in box.mails[1][2]


def test_nothing_is_repeated_within_a_day_and_a_reminder_comes_after_it(server: tuple[Box, int], tmp_path: Path) -> None:
    box, port = server
    book = MailBook(tmp_path / "mails.json")
    for hours in (0, 1, 12, 24, 25):
        list(tell_people("berlin", NIGHT + dt.timedelta(hours=hours), [WAITS], settings(port), book))

    assert [subject.removeprefix("Studyscope at berlin: ") for _, subject, _ in box.mails] == [
        "tables of liver wait for you",
        "reminder: tables of liver wait for you",
    ]


def test_what_is_mended_is_said_once(server: tuple[Box, int], tmp_path: Path) -> None:
    box, port = server
    book = MailBook(tmp_path / "mails.json")
    for hours, found in ((0, [DOWN]), (1, []), (2, [])):
        list(tell_people("berlin", NIGHT + dt.timedelta(hours=hours), found, settings(port), book))

    assert [subject for _, subject, _ in box.mails] == [
        "Studyscope at berlin: source archive is down",
        "Studyscope at berlin: mended",
    ]
    assert "Mended, nothing to do:\n- Source archive could not be read." in box.mails[1][2]


def test_a_mail_that_was_not_taken_is_due_again(server: tuple[Box, int], tmp_path: Path) -> None:
    box, port = server
    book = MailBook(tmp_path / "mails.json")
    (problem,) = tell_people("berlin", NIGHT, [DOWN], settings(free_port()), book)

    assert "took no mail" in problem
    list(tell_people("berlin", NIGHT + dt.timedelta(minutes=5), [DOWN], settings(port), book))
    assert len(box.mails) == 1


def test_a_new_trouble_does_not_wait_for_the_day_of_the_old_one() -> None:
    _, told = letters("berlin", NIGHT, [DOWN], {})
    other = Trouble("source pacs", "operators", "source pacs is down", "Source pacs could not be read.", "check")
    (letter,), _ = letters("berlin", NIGHT + dt.timedelta(hours=2), [DOWN, other], told)

    assert letter.subject == "Studyscope at berlin: source pacs is down"
    assert "Still waiting:\n- Since Monday, 04 May: Source archive could not be read." in letter.text


def test_a_site_tells_its_people_what_waits_and_names_no_number_of_patients(server: tuple[Box, int], tmp_path: Path) -> None:
    box, port = server
    more = f"mail: {{host: 127.0.0.1, port: {port}, encryption: none, sender: s@h.example, to: {{approvers: [d@h.example], operators: [i@h.example]}}}}\npage: {{password_file: p}}\n"
    site = make_site(tmp_path, more=more)
    run(site, "once", "--quiet")
    shutil.move(tmp_path / "dicom", tmp_path / "gone")
    run(site, "once", "--quiet")

    said = {subject.partition(": ")[2]: text for _, subject, text in box.mails}
    assert list(said) == ["tables of liver wait for you", "source archive is down"]
    assert (
        "What to do: read and sign at http://127.0.0.1:8460/, or: studyscope-exporter preview"
        in said["tables of liver wait for you"]
    )
    down = said["source archive is down"]
    assert down.count("archive") == 1
    assert "?." not in down
    assert not [text for text in said.values() if re.search(r"\b(30|27|3)\b", text)]


@pytest.mark.parametrize(("times", "every_days", "told"), [(13, 1, 0), (14, 1, 1), (3, 7, 0), (4, 7, 1)])
def test_approvers_are_told_what_is_left_to_them_once_releases_have_been_held_for_two_weeks(
    tmp_path: Path, server: tuple[Box, int], times: int, every_days: int, told: int
) -> None:
    box, port = server
    found = list(of_holds(STUDY, times, every_days))
    assert list(tell_people("berlin", NIGHT, found, settings(port), MailBook(tmp_path / "mails.json"))) == []
    assert [to for to, _, _ in box.mails] == ["dpo@hospital.example"] * told
    for _, subject, text in box.mails:
        assert f"releases of {STUDY.id} are held" in subject
        assert "refuse a two-way table" in " ".join(text.split())


def test_a_password_never_goes_over_an_open_line() -> None:
    content = {"host": "mail.example", "encryption": "none", "user": "u", "password_file": "/p", "sender": "s@h.example"}

    with pytest.raises(ValidationError, match="encrypted connection only"):
        MailSettings.model_validate(content | {"to": {"operators": ["i@h.example"]}})


def test_a_reminder_says_since_when_it_waits(tmp_path: Path) -> None:
    trouble = Trouble("delivery liver", "operators", "reports of liver are not delivered", "They wait here.", "check")
    begun = dt.datetime(2026, 11, 21, 4, tzinfo=dt.UTC)
    book, told = MailBook(tmp_path / "mails.json"), dict[str, Told]()
    for days in range(3):
        (letter,), told = letters("berlin", begun + dt.timedelta(days=days), [trouble], told)
        book.keep(told)
        told = book.read()
    assert "- Since Saturday, 21 November: They wait here." in letter.text
