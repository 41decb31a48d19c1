"""Takes every mail that Alertmanager sends, keeps it as a file, and shows all of them on one page."""

from __future__ import annotations

import email
import email.policy
import html
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from importlib.resources import files
from pathlib import Path

import uvicorn
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse

_SECURITY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; img-src data:"
_ALLOWED = "allow-popups allow-popups-to-escape-sandbox"
"""Links open in a window of their own, as in a mail program; nothing of the mail itself runs."""
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">{refresh}<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 62rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }} th, td {{ text-align: left; padding: .4rem .8rem .4rem 0;
border-bottom: 1px solid #8884; vertical-align: top }} pre {{ white-space: pre-wrap }}
iframe {{ width: 100%; height: 40rem; border: 1px solid #8884; background: white }}
</style><h1>{title}</h1>{body}</html>"""


@dataclass(frozen=True)
class Mail:
    """One mail as it was received."""

    number: int
    message: EmailMessage

    @property
    def subject(self) -> str:
        return " ".join(str(self.message["Subject"] or "(no subject)").split())

    @property
    def to(self) -> str:
        return str(self.message["X-Demo-Recipients"] or self.message["To"])

    def part(self, kind: str) -> str:
        """The `plain` or `html` part, empty when there is none."""
        found = self.message.get_body((kind,))
        return found.get_content() if found is not None else ""


def read_mails(folder: Path) -> list[Mail]:
    """All mails in the order in which they came."""
    found = []
    for path in sorted(folder.glob("[0-9]*.eml")):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        found.append(Mail(int(path.stem), message))
    return found


class Keeper:
    """Keeps what arrives; its method's name is aiosmtpd's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = len(list(folder.glob("[0-9]*.eml")))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        self._count += 1
        recipients = f"X-Demo-Recipients: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        path = self._folder / f"{self._count:05d}.eml"
        new = path.with_suffix(".new")
        new.write_bytes(recipients + content)
        new.replace(path)
        return "250 kept"


def page(folder: Path, runbooks: str, smtp: Controller | None = None) -> FastAPI:
    """The web page over `folder`, and the runbooks that the mails name; `smtp` is started and stopped with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if smtp is not None:
            smtp.start()
        yield
        if smtp is not None:
            smtp.stop()

    app = FastAPI(title="Mails of the demo", openapi_url=None, lifespan=lifespan)

    @app.get("/", response_class=HTMLResponse)
    def listing() -> HTMLResponse:
        return _html("Mails of the demo", _table(read_mails(folder)[::-1]), refresh=True)

    @app.get("/mails/{number}", response_class=HTMLResponse)
    def one(number: int) -> HTMLResponse:
        mail = _mail(folder, number)
        shown = (
            f'<iframe sandbox="{_ALLOWED}" src="/mails/{number}/html" title="HTML part"></iframe>' if mail.part("html") else ""
        )
        text = f"<h2>Text part</h2><pre>{html.escape(mail.part('plain'))}</pre>" if mail.part("plain") else ""
        head = f'<p>To {html.escape(mail.to)}, {html.escape(str(mail.message["Date"]))}. <a href="/">All mails</a></p>'
        return _html(mail.subject, head + shown + text)

    @app.get("/runbooks.html", response_class=HTMLResponse)
    def runbook() -> HTMLResponse:
        return HTMLResponse(runbooks)

    @app.get("/mails/{number}/html", response_class=HTMLResponse)
    def html_part(number: int) -> HTMLResponse:
        return HTMLResponse(
            f'<base target="_blank">{_mail(folder, number).part("html")}',
            headers={"Content-Security-Policy": f"{_SECURITY}; sandbox {_ALLOWED}"},
        )

    return app


def _mail(folder: Path, number: int) -> Mail:
    found = next((mail for mail in read_mails(folder) if mail.number == number), None)
    if found is None:
        raise HTTPException(404, f"there is no mail {number}")
    return found


def _table(mails: Sequence[Mail]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(str(mail.message['Date']))}<td>{html.escape(mail.to)}"
        f'<td><a href="/mails/{mail.number}">{html.escape(mail.subject)}</a>'
        for mail in mails
    )
    if not rows:
        return "<p>No mail yet. One comes when a hospital falls silent.</p>"
    return f"<table><thead><tr><th>Received<th>To<th>Subject</thead><tbody>{rows}</tbody></table>"


def _html(title: str, body: str, *, refresh: bool = False) -> HTMLResponse:
    again = '<meta http-equiv="refresh" content="10">' if refresh else ""
    text = _PAGE.format(title=html.escape(title), body=body, refresh=again)
    return HTMLResponse(text, headers={"Content-Security-Policy": _SECURITY})


def main(folder: str, host: str, smtp_port: str, web_port: str) -> None:
    """Serves until SIGTERM."""
    runbooks = files("studyscope_dashboards").joinpath("runbooks.html").read_text(encoding="utf-8")
    smtp = Controller(Keeper(Path(folder)), hostname=host, port=int(smtp_port))
    uvicorn.run(page(Path(folder), runbooks, smtp), host=host, port=int(web_port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
