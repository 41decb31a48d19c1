"""Hands in what waits, unless the centre is ahead of this machine.

The centre is ahead where this machine was put back from a backup, or is a copy of one that goes on
reporting. It would then look a second time, with other secret numbers, at people who were counted
already (privacy.md A24). So nothing is sent, and the study stands still here until `recover`. The
centre's word is not enough for that: it has to show a report with this site's own signature.

A centre that was put back from a backup lacks reports that it had taken; what is kept of them is sent again.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Literal

from studyscope_contract.amount import amount
from studyscope_contract.keys import VerifyingKey
from studyscope_contract.report import Report, ReportProblem, SignedReport
from studyscope_contract.site_request import ReportsRequest, SignedRequest
from studyscope_exporter.delivery.fetched import Shelf
from studyscope_exporter.delivery.push import CentreClient, Delivered, NotDelivered
from studyscope_exporter.site import Site, StudyAtSite

log = logging.getLogger(__name__)

Purpose = Literal["accepted_reports", "newest_report"]
OVERTAKEN = (
    "the centre holds newer reports of this site than this machine has made: it was put back from a backup, or another machine "
    "uses this site's key. Nothing is sent. If another machine is the right one, stop this one; else see recover"
)


def hand_in(site: Site, at_site: StudyAtSite) -> Delivered:
    """Delivers what waits; raises NotDelivered. A study that was overtaken is told so and sends nothing."""
    if at_site.domain.status().overtaken:
        raise NotDelivered(OVERTAKEN, temporary=False)
    if at_site.settings.centre.delivery == "fetched":
        return Delivered(accepted=0, set_aside=0)
    client = site.client(at_site)
    try:
        ours, theirs = at_site.domain.status().sequence, _newest_at_centre(client, at_site)
        if theirs is not None and theirs > ours:
            _stop_if_overtaken(site, at_site, client, ours)
        if theirs is not None:
            send_again(site, at_site, theirs)
        done = client.deliver(at_site.outbox)
        if done.conflicts:
            _stop_if_overtaken(site, at_site, client, min(done.conflicts) - 1)
        return done
    finally:
        client.close()


def shelves_of(site: Site) -> list[Shelf]:
    """What centres may fetch, of the studies whose centre does."""
    return [
        Shelf(
            one.site,
            one.study.id,
            one.outbox,
            one.settings.centre.verifying,
            site.key_requests(one),
            site.brought_study(one),
            one.study.version,
            partial(send_again, site, one),
            partial(leaves, one),
        )
        for one in site.studies
        if one.settings.centre.delivery == "fetched"
    ]


def leaves(at_site: StudyAtSite, report: Report) -> dt.datetime:
    """The site's minute after the report's grid point; its very first report, over which nobody waits, may leave at once."""
    moment = at_site.settings.policy.grid.moment(report.grid_point)
    return moment if report.sequence == 1 else moment + dt.timedelta(minutes=at_site.delivery_minute)


def send_again(site: Site, at_site: StudyAtSite, after: int) -> int:
    """Lets wait again what the centre, whose newest report of ours is number `after`, had taken and lost; how many reports."""
    lost = at_site.outbox.wanted_again(after)
    if lost:
        at_site.outbox.sign_again(site.identity.signing_key)  # by the key that the centre accepts today
        words = "study %s: the centre has our reports up to %d only, it was put back from a backup: %s sent again"
        log.warning(words, at_site.study.id, after, amount(lost, "report is", "reports are"))
    return lost


def _newest_at_centre(client: CentreClient, at_site: StudyAtSite) -> int | None:
    """0 where the centre holds none; None where it does not say: a conflict tells then."""
    try:
        return client.last_sequence(at_site.study.id, at_site.site) or 0
    except NotDelivered:
        return None


def signed_requests(site: Site, at_site: StudyAtSite, purpose: Purpose = "accepted_reports") -> Callable[[int], bytes]:
    """Makes a fresh signed request for this site's reports after a number."""

    def request(after: int) -> bytes:
        at = int(site.clock.now().timestamp())
        wanted = ReportsRequest(purpose=purpose, study=at_site.study.id, site=at_site.site, after=after, at=at)
        return SignedRequest.sign(wanted, site.identity.signing_key).to_bytes()

    return request


def _stop_if_overtaken(site: Site, at_site: StudyAtSite, client: CentreClient, after: int) -> None:
    """Stops the study where the centre shows a report of ours, later than `after`, that this machine does not know of."""
    ours, keys = at_site.domain.status().sequence, at_site.domain.signing_keys()
    for raw in chain(client.own_reports(signed_requests(site, at_site), after), _newest_ever(site, at_site, client, after)):
        signed = _own(raw, keys, at_site)
        if signed is None or signed.report.sequence <= after:
            continue
        if signed.report.sequence > ours or not at_site.outbox.made(signed):
            at_site.domain.overtaken(signed.report.sequence, site.clock.now().date())
            raise NotDelivered(OVERTAKEN, temporary=False)


def _newest_ever(site: Site, at_site: StudyAtSite, client: CentreClient, after: int) -> Iterator[bytes]:
    """The last report that the centre accepted, also a retracted one, which is as good a proof: this machine did not make it."""
    try:
        yield from client.own_reports(signed_requests(site, at_site, "newest_report"), after)
    except NotDelivered:
        return  # a centre of an older release does not know the question


def _own(raw: bytes, keys: Sequence[VerifyingKey], at_site: StudyAtSite) -> SignedReport | None:
    try:
        signed = SignedReport.from_bytes(raw)
    except ReportProblem:
        return None
    of_us = (signed.report.study, signed.report.site) == (at_site.study.id, at_site.site)
    return signed if of_us and any(signed.is_signed_by(key) for key in keys) else None
