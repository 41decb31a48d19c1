"""Who looks at the centre's own pages: log-in, log-out, and what a page's reader may see."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import Template

from studyscope_aggregator.access.login import BACK, ON_THE_WAY, SESSION, LoginRefused, PageLogin
from studyscope_aggregator.access.role import Grant, Scope, scope_of
from studyscope_aggregator.access.role_of_claims import NoRole
from studyscope_aggregator.access.signing_keys import IdentityProviderDown
from studyscope_aggregator.wiring import Wired

log = logging.getLogger(__name__)

SESSION_COOKIE, LOGIN_COOKIE = "studyscope_session", "studyscope_login"
COORDINATOR = Grant("coordinator", who="inside")
"""Whoever reaches the page where no log-in is set: it is then open to the machine and its neighbours only."""


class Reader:
    """Who looks, and what they see."""

    def __init__(self, grant: Grant, scope: Scope, *, logged_in: bool) -> None:
        self.grant, self.scope, self.logged_in = grant, scope, logged_in

    def sees(self, study: str, site: str) -> bool:
        """Whether the rows of one site are theirs to see."""
        return study in self.scope.studies and (self.scope.role in {"coordinator", "lead"} or site in self.scope.sites)


async def _reader(request: Request, wired: Wired) -> Reader:
    login = wired.access.login if wired.access else None
    if login is None:
        return Reader(COORDINATOR, scope_of(COORDINATOR, wired.consortium.registry), logged_in=False)
    grant = login.session(request.cookies.get(SESSION_COOKIE, ""))
    if grant is None:
        raise HTTPException(303, headers={"Location": f"/login?wanted={request.url.path}"})
    return Reader(grant, scope_of(grant, wired.consortium.registry), logged_in=True)


Reading = Annotated[Reader, Depends(_reader)]
"""The reader of a page; somebody who has not logged in is sent to do so."""


def people_router(problem_page: Template, headers: Mapping[str, str]) -> APIRouter:
    """`/login` and `/logout`."""
    router = APIRouter(include_in_schema=False)

    def told(words: str, status: int) -> Response:
        return Response(problem_page.render(words=words), status, headers=dict(headers), media_type="text/html; charset=utf-8")

    @router.get("/login")
    async def log_in(request: Request, wired: Wired, wanted: str = "/") -> Response:
        login = _login(wired)
        if login is None:
            return RedirectResponse("/", 303)
        try:
            started = await login.start(wanted if _is_ours(wanted) else "/")
        except IdentityProviderDown as problem:
            log.error("nobody can log in: %s", problem)
            return told("The identity provider does not answer now. Try again in a few minutes.", 503)
        answer = RedirectResponse(started.address, 303)
        _set(answer, LOGIN_COOKIE, started.cookie, int(ON_THE_WAY.total_seconds()), request)
        return answer

    @router.get(BACK)
    async def come_back(request: Request, wired: Wired, code: str = "", state: str = "", error: str = "") -> Response:
        login = _login(wired)
        if login is None:
            return RedirectResponse("/", 303)
        if error:
            return told("The identity provider did not let you in. Ask the coordinator whether you have an account.", 403)
        try:
            done = await login.finish(request.cookies.get(LOGIN_COOKIE, ""), code, state)
        except (LoginRefused, NoRole) as problem:
            return told(str(problem), 403)
        except IdentityProviderDown as problem:
            log.error("nobody can log in: %s", problem)
            return told("The identity provider does not answer now. Try again in a few minutes.", 503)
        log.info("%s logged in as %s", done.grant.who, done.grant.role)
        answer = RedirectResponse(done.wanted, 303)
        answer.delete_cookie(LOGIN_COOKIE, path="/login")
        _set(answer, SESSION_COOKIE, done.cookie, int(SESSION.total_seconds()), request)
        return answer

    @router.post("/logout")
    async def log_out() -> Response:
        answer = told("You have logged out here. At your identity provider you are still logged in.", 200)
        answer.delete_cookie(SESSION_COOKIE)
        return answer

    return router


def _login(wired: Wired) -> PageLogin | None:
    return wired.access.login if wired.access else None


def _is_ours(address: str) -> bool:
    """A path of this centre, and no address of another one."""
    return address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()


def _set(answer: Response, name: str, value: str, seconds: int, request: Request) -> None:
    secure = request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
    path = "/login" if name == LOGIN_COOKIE else "/"
    # Lax, not strict: the way back from the identity provider comes from another site.
    answer.set_cookie(name, value, max_age=seconds, path=path, secure=secure, httponly=True, samesite="lax")
