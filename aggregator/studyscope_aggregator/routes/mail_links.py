"""The pages behind the links in mails: GET shows, and only POST changes anything, because mail scanners open every link."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path as File
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from studyscope_aggregator.mail_choices import ChoicesFile
from studyscope_aggregator.mail_link_rights import LONGEST_DOWNTIME, STOPS, is_still_named, sites_of
from studyscope_aggregator.wiring import Wired, Wiring
from studyscope_contract.mail_choices import Downtime
from studyscope_contract.mail_link import LINKS_PATH, LinkProblem, LinkSecret, MailLink
from studyscope_contract.yaml_file import FileProblem

log = logging.getLogger(__name__)

LARGEST_FORM = 4096

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Token = Annotated[str, Path(max_length=300)]


def mail_links_router(secret: LinkSecret, registry: File) -> APIRouter:
    """`/links/…`; reads the templates once."""
    router = APIRouter(prefix=f"/{LINKS_PATH}", include_in_schema=False)
    templates = Environment(
        loader=PackageLoader("studyscope_aggregator"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = templates.get_template("links.css").render()

    def page(name: str, status: int = 200, **values: object) -> Response:
        return HTMLResponse(templates.get_template(name).render(**values), status, headers=_HEADERS)

    def told(problem: LinkProblem) -> Response:
        return page("link_problem.html", 410 if problem.over else 404, words=str(problem))

    def shown(link: MailLink, wired: Wiring, wrong: str = "") -> Response:
        registry_now, today = wired.consortium.registry, wired.clock.now().date()
        study = registry_now.study(link.study)
        values: dict[str, object] = {
            "link": link,
            "study": study.title if study else "the centre",
            "today": today,
            "wrong": wrong,
        }
        choices, status = registry_now.choices, 422 if wrong else 200
        if link.purpose == "mails":
            stopped = [one for one in choices.stopped if one.holds(link.person, link.study, today)]
            return page("link_mails.html", status, stopped=stopped, stops=STOPS, **values)
        sites = [(site, name, choices.downtime(site)) for site, name in sites_of(link, registry_now)]
        return page("link_downtime.html", status, sites=sites, latest=today + LONGEST_DOWNTIME, **values)

    def opened(token: str, wired: Wiring) -> MailLink:
        link = MailLink.read(token, secret, wired.clock.now().date())
        if not is_still_named(link, wired.consortium.registry, secret):
            raise LinkProblem("You are no longer named here, so this link can do nothing any more.", over=True)
        return link

    @router.get("/style.css")
    async def style_sheet() -> Response:
        return Response(style, media_type="text/css", headers={"X-Content-Type-Options": "nosniff"})

    @router.api_route("/{token}", methods=["GET", "HEAD"])
    async def show(token: Token, wired: Wired) -> Response:
        try:
            return shown(opened(token, wired), wired)
        except LinkProblem as problem:
            return told(problem)

    @router.post("/{token}")
    async def choose(token: Token, request: Request, wired: Wired) -> Response:
        try:
            link = opened(token, wired)
            _act(link, await _form(request), ChoicesFile(registry, wired.clock), wired)
        except LinkProblem as problem:
            return told(problem)
        except _WrongChoice as wrong:
            return shown(link, wired, str(wrong))
        except (FileProblem, OSError) as problem:
            log.error("a choice by a link in a mail could not be kept: %s", problem)
            return page(
                "link_problem.html", 503, words="The centre cannot write it down now. Tell the coordinator, or try later."
            )
        wired.consortium.registry_changed()
        return RedirectResponse(str(request.url.path), 303, headers=_HEADERS)

    return router


class _WrongChoice(Exception):
    """The form holds something that cannot be; the message says what can."""


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise _WrongChoice("That was more than this form sends. Nothing was changed.")
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=20))
    except ValueError:
        raise _WrongChoice("That was more than this form sends. Nothing was changed.") from None


def _act(link: MailLink, form: dict[str, str], choices: ChoicesFile, wired: Wiring) -> None:
    today, act = wired.clock.now().date(), form.get("act", "")
    if link.purpose == "mails" and act == "stop" and form.get("for") in STOPS:
        days = STOPS[form["for"]].days
        return choices.stop_mails(link, today + dt.timedelta(days=days) if days else None)
    if link.purpose == "mails" and act == "start":
        return choices.start_mails(link)
    if link.purpose == "downtime" and act in ("plan", "end"):
        site = form.get("site", "")
        if site not in dict(sites_of(link, wired.consortium.registry)):
            raise _WrongChoice("Choose one of the sites in the list.")
        return choices.plan_downtime(link, _downtime(site, form, today)) if act == "plan" else choices.end_downtime(link, site)
    raise _WrongChoice("Choose one of what is on the page. Nothing was changed.")


def _downtime(site: str, form: dict[str, str], today: dt.date) -> Downtime:
    try:
        first, last = (dt.date.fromisoformat(form.get(name, "")) for name in ("first", "last"))
    except ValueError:
        raise _WrongChoice("Write both days as 2026-12-31. Nothing was changed.") from None
    latest = today + LONGEST_DOWNTIME
    if not today <= first <= last <= latest:
        raise _WrongChoice(f"The first day must be today or later, and the last not before it and not after {latest}.")
    return Downtime(site=site, first=first, last=last)
