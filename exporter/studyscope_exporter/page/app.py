"""The page as a web application: every answer but the login needs a session, every change its token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.middleware.trustedhost import TrustedHostMiddleware

from studyscope_contract.keys import KeyProblem
from studyscope_exporter.before_release import html
from studyscope_exporter.clock import Clock
from studyscope_exporter.disclosure.errors import DisclosureError
from studyscope_exporter.page.forms import LARGEST, fields_of
from studyscope_exporter.page.overview import study_overview
from studyscope_exporter.page.password import is_password
from studyscope_exporter.page.sessions import Attempts, Session, Sessions
from studyscope_exporter.page.settings import PageSettings
from studyscope_exporter.page.signing import sign_on_page
from studyscope_exporter.previewing import described, previewed
from studyscope_exporter.settings import SiteSettings
from studyscope_exporter.site import Site, StudyAtSite

COOKIE = "studyscope_page"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Desk:
    """What every route works with."""

    site: SiteSettings
    page: PageSettings
    clock: Clock
    password: tuple[bytes, bytes]
    sessions: Sessions
    attempts: Attempts
    templates: Environment

    @contextmanager
    def opened(self) -> Iterator[Site]:
        with Site(self.site, self.clock) as site:
            yield site

    def show(self, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
        text = self.templates.get_template(template).render(style=html.paper_style(), site=self.site.site, **facts)
        return HTMLResponse(text, status)


def templates() -> Environment:
    return Environment(
        loader=PackageLoader("studyscope_exporter.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def create_app(desk: Desk) -> FastAPI:
    """The application; nothing is read before the first request."""
    app = FastAPI(title="Studyscope page", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(desk.page.hosts), www_redirect=False)

    @app.middleware("http")
    async def _headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    app.add_api_route("/login", _login_form, methods=["GET"])
    app.add_api_route("/login", _login, methods=["POST"])
    app.add_api_route("/logout", _logout, methods=["POST"])
    app.add_api_route("/", _overview, methods=["GET"])
    app.add_api_route("/studies/{study}", _preview, methods=["GET"])
    app.add_api_route("/studies/{study}", _sign, methods=["POST"])
    return app


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _session(request: Request) -> Session:
    session = _desk(request).sessions.find(request.cookies.get(COOKIE))
    if session is None:
        raise HTTPException(303, headers={"Location": "/login"})
    return session


async def _fields(request: Request) -> dict[str, bytes]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            raise HTTPException(413, "too much for this form")
    return fields_of(request.headers.get("content-type", ""), body)


AtDesk = Annotated[Desk, Depends(_desk)]
LoggedIn = Annotated[Session, Depends(_session)]
Fields = Annotated[dict[str, bytes], Depends(_fields)]


def _login_form(desk: AtDesk) -> Response:
    return desk.show("login.html", problem=None)


async def _login(desk: AtDesk, fields: Fields) -> Response:
    if not desk.attempts.allowed():
        return desk.show("login.html", 429, problem="Too many attempts. Wait five minutes, then try again.")
    given = fields.get("password", b"").decode("utf-8", "replace")
    if not await run_in_threadpool(is_password, given, *desk.password):
        return desk.show("login.html", 403, problem="That is not the password.")
    desk.attempts.forget()
    answer = RedirectResponse("/", 303)
    length = desk.page.session_minutes * 60
    secure = desk.page.encrypted
    answer.set_cookie(COOKIE, desk.sessions.start(), max_age=length, httponly=True, samesite="strict", secure=secure)
    return answer


def _logout(request: Request, desk: AtDesk, session: LoggedIn, fields: Fields) -> Response:
    _check(session, fields)
    desk.sessions.end(request.cookies.get(COOKIE))
    return RedirectResponse("/login", 303)


def _overview(desk: AtDesk, session: LoggedIn) -> Response:
    with desk.opened() as site:
        problems = site.last_scan().get("sources", {})
        sources = [(source.name, source.kind, source.name in problems, problems.get(source.name)) for source in desk.site.sources]
        age = site.age_of_last_scan()
        studies = [study_overview(site, study) for study in site.studies]
    hours = None if age is None else age.total_seconds() / 3600
    return desk.show("overview.html", csrf=session.csrf, studies=studies, sources=sources, scan_hours=hours)


def _preview(study: str, desk: AtDesk, session: LoggedIn) -> Response:
    return _shown(study, desk, session, "", 200)


def _shown(study: str, desk: Desk, session: Session, said: str, status: int) -> Response:
    with desk.opened() as site:
        at_site = _study(site, study)
        document = described(at_site, previewed(site, at_site), exact=True)
    return HTMLResponse(html.page(document, html.Desk(session.csrf, f"/studies/{study}", said)), status)


def _sign(study: str, desk: AtDesk, session: LoggedIn, fields: Fields) -> Response:
    _check(session, fields)
    with desk.opened() as site:
        at_site = _study(site, study)
        passphrase = fields.get("passphrase", b"").decode("utf-8", "replace")
        shown = fields.get("shown", b"").decode("ascii", "replace")
        try:
            tables = sign_on_page(site, at_site, shown, fields.get("key", b""), passphrase)
        except (DisclosureError, KeyProblem) as problem:
            said, status = str(problem), 409
        else:
            said, status = f"Signed: {tables} tables. It is in the ledger.", 200
    return _shown(study, desk, session, said, status)


def _study(site: Site, study: str) -> StudyAtSite:
    found = next((one for one in site.studies if one.study.id == study), None)
    if found is None:
        raise HTTPException(404, "there is no such study at this site")
    return found


def _check(session: Session, fields: dict[str, bytes]) -> None:
    if not session.allows(fields.get("csrf", b"").decode("ascii", "replace")):
        raise HTTPException(403, "this form is too old or comes from elsewhere; go back and load the page again")
