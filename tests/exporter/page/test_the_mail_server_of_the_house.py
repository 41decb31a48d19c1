"""Mails through real servers: STARTTLS and TLS from the start, with a login, and what each mistake in the settings says."""

import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from page_cast import make_site, run
from prometheus_server import free_port
from studyscope_exporter.mail_server import MailNotSent, send, try_server
from studyscope_exporter.mail_settings import MailSettings, MailTo
from tls_certificate import certificate

# The line of TLS from the start is encrypted, which aiosmtpd does not see.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
NIGHT = dt.datetime(2026, 5, 4, 3, tzinfo=dt.UTC)
USER, PASSWORD = "studyscope", "of the house"


@dataclass
class Box:
    """What the server took, and how: (mail, encrypted, authenticated); it refuses whoever is in `strangers`."""

    mails: list[tuple[EmailMessage, bool, bool]] = field(default_factory=list)
    strangers: tuple[str, ...] = ()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.strangers:
            return "550 nobody of this name"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.append(
            (message, session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None, session.authenticated)
        )
        return "250 taken"


class _TlsFromTheStart(Controller):
    def __init__(self, *arguments: Any, context: ssl.SSLContext, **more: Any) -> None:
        super().__init__(*arguments, ssl_context=context, **more)


@contextmanager
def mail_server(folder: Path, encryption: str, box: Box) -> Iterator[MailSettings]:
    """A server of the house with its own certificate; it takes mails of USER only."""
    pem, password = certificate(folder), folder / "mail.password"
    password.write_text(f"{PASSWORD}\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    port = free_port()

    def knows(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=good)  # else the server itself says no

    common: dict[str, Any] = {"hostname": "127.0.0.1", "port": port, "authenticator": knows, "auth_required": True}
    if encryption == "tls":
        sink: Controller = _TlsFromTheStart(box, context=context, auth_require_tls=False, **common)
    else:
        sink = Controller(box, tls_context=context, require_starttls=True, **common)
    sink.start()
    try:
        yield settings(port, encryption, pem, password)
    finally:
        sink.stop()


def settings(port: int, encryption: str, pem: Path | None, password: Path | None, **more: Any) -> MailSettings:
    to = MailTo(operators=("it@hospital.example", "duty@hospital.example"))
    login = {"user": USER, "password_file": password} if password else {}
    common = {
        "host": "127.0.0.1",
        "port": port,
        "encryption": encryption,
        "ca_file": pem,
        "sender": "studyscope@hospital.example",
    }
    return MailSettings.model_validate({**common, "to": to, **login, **more})


def changed(given: MailSettings, **more: Any) -> MailSettings:
    return given.model_copy(update=more)


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_a_mail_goes_encrypted_and_with_a_login(tmp_path: Path, encryption: str) -> None:
    box = Box()
    with mail_server(tmp_path, encryption, box) as given:
        try_server(given)
        assert box.mails == [], "trying sends nothing"
        send(given, given.to.operators, "Studyscope at berlin: a trial", "Grüße aus dem Keller.\n", NIGHT)

    ((mail, encrypted, authenticated),) = box.mails
    assert (encrypted, authenticated) == (True, True)
    assert mail["To"] == "it@hospital.example, duty@hospital.example"
    assert mail.get_content().replace("\r\n", "\n") == "Grüße aus dem Keller.\n"


def test_a_mail_has_what_servers_ask_for_and_no_holiday_note_answers_it(tmp_path: Path) -> None:
    box = Box()
    with mail_server(tmp_path, "starttls", box) as given:
        send(given, given.to.operators, "Studyscope at berlin: a trial", "Text.\n", NIGHT)

    mail = box.mails[0][0]
    assert mail["Date"] == "Mon, 04 May 2026 03:00:00 +0000"
    assert mail["Message-ID"].endswith("@hospital.example>")
    assert mail["Auto-Submitted"] == "auto-generated"


def other_password(given: MailSettings, folder: Path) -> MailSettings:
    (folder / "other").write_text("wrong")
    return changed(given, password_file=folder / "other")


MISTAKES: list[tuple[str, Callable[[MailSettings, Path], MailSettings], str]] = [
    ("starttls", lambda given, _: changed(given, ca_file=None), "certificate is not trusted .*set ca_file"),
    ("tls", lambda given, _: changed(given, ca_file=None), "certificate is not trusted .*set ca_file"),
    ("starttls", lambda given, _: changed(given, encryption="tls"), "set encryption: starttls, usually with port 587"),
    ("starttls", other_password, "does not accept user studyscope with this password"),
    ("starttls", lambda given, folder: changed(given, password_file=folder / "gone"), "put the mail server's password there"),
    ("starttls", lambda given, _: changed(given, encryption="none", user=None, password_file=None), "530"),
    ("starttls", lambda given, _: changed(given, user=None, password_file=None), "530"),
    ("starttls", lambda given, _: changed(given, port=free_port()), "look at host and port"),
]


@pytest.mark.parametrize(("encryption", "mistake", "words"), MISTAKES)
def test_each_mistake_says_what_of_the_site_file_to_change(
    tmp_path: Path, encryption: str, mistake: Callable[[MailSettings, Path], MailSettings], words: str
) -> None:
    box = Box()
    with mail_server(tmp_path, encryption, box) as given, pytest.raises(MailNotSent, match=words) as raised:
        send(mistake(given, tmp_path), given.to.operators, "subject", "text", NIGHT)

    assert PASSWORD not in str(raised.value)
    assert box.mails == []


def test_a_server_without_starttls_gets_neither_password_nor_mail(tmp_path: Path) -> None:
    box, port = Box(), free_port()
    sink = Controller(box, hostname="127.0.0.1", port=port)
    sink.start()
    try:
        with pytest.raises(MailNotSent, match="offers no STARTTLS"):
            send(settings(port, "starttls", None, None), ("it@hospital.example",), "subject", "text", NIGHT)
    finally:
        sink.stop()

    assert box.mails == []


def test_an_address_that_the_server_does_not_know_is_told_although_the_other_got_its_mail(tmp_path: Path) -> None:
    box = Box(strangers=("duty@hospital.example",))
    with mail_server(tmp_path, "starttls", box) as given:
        with pytest.raises(MailNotSent, match=r"not for duty@hospital\.example; see `mail`, `to`"):
            send(given, given.to.operators, "subject", "text", NIGHT)
        with pytest.raises(MailNotSent, match=r"it refuses duty@hospital\.example; look at `to`"):
            send(given, ("duty@hospital.example",), "subject", "text", NIGHT)

    assert len(box.mails) == 1


def test_check_tries_the_mail_server_and_sends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = Box()
    with mail_server(tmp_path, "tls", box) as given:
        more = (
            f"mail: {{host: 127.0.0.1, port: {given.port}, encryption: tls, ca_file: 127.0.0.1.pem, user: {USER}, "
            "password_file: mail.password, sender: s@h.example, to: {operators: [i@h.example]}}\n"
        )
        site = make_site(tmp_path, patients=1, more=more)
        run(site, "check")
    said = " ".join(capsys.readouterr().out.split())

    assert f"the mail server 127.0.0.1:{given.port} answers by TLS, as studyscope; no mail was sent" in said
    assert box.mails == []
