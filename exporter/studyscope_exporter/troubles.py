"""What waits for a person of this hospital: from the state of the site, without a number of patients in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from studyscope_exporter.collectors.cases import missing, stuck
from studyscope_exporter.held_releases import of_holds
from studyscope_exporter.local_mail import MailBook, Trouble, tell_people
from studyscope_exporter.site import Site, StudyAtSite

log = logging.getLogger(__name__)


def tell_about(site: Site) -> None:
    """Mails the hospital's people what waits for them, where the site file says how; a mail that fails stops nothing."""
    settings = site.settings.mail
    if settings is None:
        return
    book = MailBook(site.settings.state / "mails.json")
    for problem in tell_people(site.settings.site, site.clock.now(), list(troubles_of(site)), settings, book):
        log.warning("%s", problem)


def troubles_of(site: Site) -> Iterator[Trouble]:
    """Everything, the most urgent first."""
    for study in site.studies:
        yield from _of_delivery(study)
    for name, problem in site.last_scan().get("sources", {}).items():
        if problem:
            said = problem if problem.endswith((".", "?", "!")) else f"{problem}."
            words = f"Source {name} could not be read: {said} The numbers keep what was read before."
            remedy = "when it is there again, the next scan reads it; studyscope-exporter check tries it now"
            yield Trouble(f"source {name}", "operators", f"source {name} is down", words, remedy)
    for study in site.studies:
        if site.has_finished_scan():
            yield from _of_records(site, study)
        yield from _of_approvals(study, _page(site))
        yield from of_holds(study.study, study.domain.status().holds, study.settings.policy.grid.every_days)


def _page(site: Site) -> str:
    """Where approvers read and sign in a browser, for the beginning of a sentence; "" without a page of the hospital."""
    page = site.settings.page
    if page is None:
        return ""
    scheme, host = "https" if page.encrypted else "http", page.names[0] if page.names else page.address
    return f"read and sign at {scheme}://{host}:{page.port}/, or: "


def _of_delivery(at_site: StudyAtSite) -> Iterator[Trouble]:
    study = at_site.study
    if at_site.domain.status().activity == "frozen":
        words = (
            f"Study {study.id} is frozen: its state was lost or is older than the ledger, or a person froze it. No number moves."
        )
        remedy = "do not delete anything; studyscope-exporter status, then docs/acts.md, 'frozen'"
        yield Trouble(f"frozen {study.id}", "operators", f"study {study.id} is frozen", words, remedy)
    if at_site.outbox.unsettled():
        words = f"The centre of study {study.id} refused a report for good."
        remedy = "studyscope-exporter status shows the reason; exporter/README.md says what it means"
        yield Trouble(f"refused {study.id}", "operators", f"a report of {study.id} was refused", words, remedy)
    if len(at_site.outbox.waiting()) > 1:
        words = (
            f"Reports of study {study.id} cannot be delivered to {at_site.settings.centre.url}. They wait here and land later."
        )
        remedy = "studyscope-exporter check tries the network, the proxy and the certificate, and says whom to ask"
        yield Trouble(f"delivery {study.id}", "operators", f"reports of {study.id} are not delivered", words, remedy)


def _of_records(site: Site, at_site: StudyAtSite) -> Iterator[Trouble]:
    study, records = at_site.study, site.records(at_site)
    if next(stuck(records), None) is not None:
        words = f"Jobs of study {study.id} run for longer than the study allows."
        remedy = f"studyscope-exporter cases stuck --study {study.id} names them"
        yield Trouble(f"stuck {study.id}", "operators", f"jobs of {study.id} are stuck", words, remedy)
    if records.roster is not None and next(missing(records), None) is not None:
        words = (
            f"Images of patients whom the list of study {study.id} expects by now are not in what the exporter reads: "
            "they were not taken, not sent on, or lie where no source looks."
        )
        remedy = f"studyscope-exporter cases missing --study {study.id} names them"
        yield Trouble(f"missing {study.id}", "operators", f"images of {study.id} are missing", words, remedy)


def _of_approvals(at_site: StudyAtSite, page: str) -> Iterator[Trouble]:
    study = at_site.study
    late, days = at_site.domain.status().timed_out, at_site.settings.policy.approval_days
    if late:
        words = (
            f"Tables of study {study.id} ({study.title}) are held: not signed within {days} days. "
            "They stay in the hospital; signatures given so far have lapsed."
        )
        remedy = f"studyscope-exporter preview --study {study.id} --html FILE: who signs now begins anew; or refuse the tables"
        yield Trouble(f"timed out {study.id}", "approvers", f"tables of {study.id} were not signed in time", words, remedy)
    if set(at_site.domain.pending_approvals()) - set(late):
        words = f"Tables of study {study.id} ({study.title}) wait for an approver. Until then they stay in the hospital."
        remedy = f"{page}studyscope-exporter preview --study {study.id} --html FILE, read it, and sign with the command on it"
        yield Trouble(f"approval {study.id}", "approvers", f"tables of {study.id} wait for you", words, remedy)
