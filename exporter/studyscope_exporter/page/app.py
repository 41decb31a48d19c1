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
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from studyscope_contract.amount import amount
from studyscope_contract.keys import KeyProblem
from studyscope_contract.yaml_file import FileProblem
from studyscope_exporter.approval_files import as_file, parse_signed
from studyscope_exporter.approving_elsewhere import request_for, take_back
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
    app.add_api_route("/studies/{study}/request", _request, methods=["GET"])
    app.add_api_route("/studies/{study}/signed", _take_back, methods=["POST"])
    app.add_exception_handler(StarletteHTTPException, _in_words)
    return app


def _in_words(request: Request, problem: Exception) -> Response:
    """A problem as a page of its own; a person reads it."""
    assert isinstance(problem, StarletteHTTPException)
    if problem.headers and "Location" in problem.headers:
        return Response(status_code=problem.status_code, headers=dict(problem.headers))
    words = {404: "There is no such page.", 405: "This address takes no such request."}.get(problem.status_code, problem.detail)
    return _desk(request).show("problem.html", problem.status_code, problem=words)


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
            raise HTTPException(
                413, f"This is more than the {LARGEST // 1024} KiB that a key or a signed file has; choose the right file."
            )
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
        age, whole = site.age_of_last_scan(), site.has_finished_scan()
        studies = [study_overview(site, study) for study in site.studies]
    hours = None if age is None else age.total_seconds() / 3600
    return desk.show("overview.html", csrf=session.csrf, studies=studies, sources=sources, scan_hours=hours, whole=whole)


def _preview(study: str, desk: AtDesk, session: LoggedIn) -> Response:
    return _shown(study, desk, session, "", 200)


def _shown(study: str, desk: Desk, session: Session, said: str, status: int) -> Response:
    with desk.opened() as site:
        at_site = _study(site, study)
        document = described(at_site, previewed(site, at_site), exact=True)
    return HTMLResponse(html.page(document, html.Desk(session.csrf, f"/studies/{study}", said, status != 200)), status)


def _sign(study: str, desk: AtDesk, session: LoggedIn, fields: Fields) -> Response:
    _check(session, fields)
    with desk.opened() as site:
        at_site = _study(site, study)
        passphrase = fields.get("passphrase", b"").decode("utf-8", "replace")
        shown = fields.get("shown", b"").decode("ascii", "replace")
        said, status = _outcome(lambda: sign_on_page(site, at_site, shown, fields.get("key", b""), passphrase))
    return _shown(study, desk, session, said, status)


def _request(study: str, desk: AtDesk, session: LoggedIn) -> Response:
    with desk.opened() as site:
        request = request_for(site, _study(site, study))
    if request is None:
        return _shown(study, desk, session, "Nothing waits for an approver, so there is nothing to fetch.", 409)
    headers = {"Content-Disposition": f'attachment; filename="approval-{study}.json"'}
    return Response(as_file(request), media_type="application/json", headers=headers)


def _take_back(study: str, desk: AtDesk, session: LoggedIn, fields: Fields) -> Response:
    _check(session, fields)
    with desk.opened() as site:
        at_site = _study(site, study)
        said, status = _outcome(lambda: take_back(site, at_site, parse_signed(fields.get("signed", b""), "the uploaded file")))
    return _shown(study, desk, session, said, status)


def _outcome(act: Callable[[], int]) -> tuple[str, int]:
    """What came of an act that gives a number of tables, in words, and the status for it."""
    try:
        tables = act()
    except (DisclosureError, KeyProblem) as problem:
        return f"Nothing was signed: {problem}", 409
    except FileProblem:
        return (
            "Nothing was signed: this is no file that approve --sign has written; choose the one whose name ends in .signed",
            409,
        )
    if tables == 0:
        return "This signature is in the ledger already; nothing was changed.", 200
    return f"Signed: {amount(tables, 'table')}. It is in the ledger.", 200


def _study(site: Site, study: str) -> StudyAtSite:
    found = next((one for one in site.studies if one.study.id == study), None)
    if found is None:
        raise HTTPException(404)
    return found


def _check(session: Session, fields: dict[str, bytes]) -> None:
    if not session.allows(fields.get("csrf", b"").decode("ascii", "replace")):
        raise HTTPException(
            403, "This form is too old or comes from elsewhere. Nothing was changed; open the page again and repeat."
        )
