"""The hospital's own mail server: a mail is handed to it, or it is only tried.

MailNotSent          the mail server did not take a mail; it is tried again at the next occasion
"""

from __future__ import annotations

import datetime as dt
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path

from studyscope_exporter.mail_settings import MailSettings

TIMEOUT_SECONDS = 30.0


class MailNotSent(Exception):
    """The message says which server, what it answered, and what to do."""


def send(settings: MailSettings, addresses: Sequence[str], subject: str, text: str, now: dt.datetime) -> None:
    """Hands one mail to the server; raises MailNotSent, also where it refused only some of the addresses."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, settings.sender, ", ".join(addresses)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid("studyscope", settings.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday note answers it
    message.set_content(text)
    with connected(settings) as server:
        refused = server.send_message(message)
    if refused:
        raise MailNotSent(
            f"{_where(settings)} took the mail, but not for {', '.join(refused)}; see `mail`, `to` in the site file"
        )


def try_server(settings: MailSettings) -> None:
    """Connects, encrypts and logs in as a mail would, and sends none; raises MailNotSent."""
    with connected(settings) as server:
        server.noop()


@contextmanager
def connected(settings: MailSettings) -> Iterator[smtplib.SMTP]:
    """A connection that is encrypted and logged in as the settings say. Raises MailNotSent."""
    try:
        with _opened(settings) as server:
            if settings.user and settings.password_file:
                _log_in(server, settings.user, _password(settings.password_file))
            yield server
    except (OSError, smtplib.SMTPException) as problem:
        raise MailNotSent(f"the mail server {_where(settings)} took no mail: {_what(problem, settings)}") from None


def _opened(settings: MailSettings) -> smtplib.SMTP:
    if settings.encryption == "none":
        return smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_SECONDS)
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.encryption == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=TIMEOUT_SECONDS, context=context)
    server = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_SECONDS)
    try:
        server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _log_in(server: smtplib.SMTP, user: str, password: str) -> None:
    try:
        server.login(user, password)
    except smtplib.SMTPServerDisconnected:  # how some servers answer the second wrong try
        raise smtplib.SMTPAuthenticationError(535, "it closed the connection") from None


def _password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise MailNotSent(f"{path} cannot be read ({problem.strerror}); put the mail server's password there") from None


def _where(settings: MailSettings) -> str:
    return f"{settings.host}:{settings.port}"


def _what(problem: Exception, settings: MailSettings) -> str:
    """What went wrong and what of `mail` in the site file to change."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({problem.verify_message}); set ca_file to the hospital's own authority"
    if isinstance(problem, ssl.SSLError) and settings.encryption == "tls":
        return "it does not speak TLS from the start; set encryption: starttls, usually with port 587"
    if isinstance(problem, smtplib.SMTPAuthenticationError):
        return f"it does not accept user {settings.user} with this password ({_answer(problem)})"
    if isinstance(problem, smtplib.SMTPNotSupportedError) and settings.encryption == "starttls":
        return "it offers no STARTTLS or no login; set encryption: tls, usually with port 465, or ask for another port"
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        return f"it refuses {', '.join(problem.recipients)}; look at `to`"
    if isinstance(problem, smtplib.SMTPResponseException):
        return f"it answers {_answer(problem)}"
    if isinstance(problem, TimeoutError | smtplib.SMTPServerDisconnected):
        return f"it does not answer as one that has encryption: {settings.encryption}; look at port and encryption"
    return f"{problem}; look at host and port, or ask whether a firewall is between"


def _answer(problem: smtplib.SMTPResponseException) -> str:
    said = problem.smtp_error.decode("utf-8", "replace") if isinstance(problem.smtp_error, bytes) else problem.smtp_error
    return f"{problem.smtp_code} {said}"
