"""What goes to another computer to be signed, and what comes back: the same for the command and the hospital's own page."""

from __future__ import annotations

import datetime as dt

from studyscope_exporter.approval_files import ApprovalRequest, SignedRequest, request_of
from studyscope_exporter.disclosure.errors import ApprovalProblem
from studyscope_exporter.previewing import previewed
from studyscope_exporter.site import Site, StudyAtSite


def request_for(site: Site, at_site: StudyAtSite) -> ApprovalRequest | None:
    """Everything that waits for an approver now, with nothing that would not leave; None where nothing does."""
    preview, settings = previewed(site, at_site), at_site.settings
    if not preview.pending:
        return None
    given = at_site.domain.policy_signatures()
    title, recipient = at_site.study.title, settings.centre.url
    return request_of(preview, title=title, recipient=recipient, policy=settings.policy, given=given)


def take_back(site: Site, at_site: StudyAtSite, signed: SignedRequest) -> int:
    """Puts the signature into the ledger: how many tables it lets out, 0 where it was there already. Raises ApprovalProblem."""
    if signed.study != at_site.study.id:
        raise ApprovalProblem(f"this file is signed for study {signed.study}, not for {at_site.study.id}; nothing was changed")
    approval, policy = signed.signatures()
    known = approval.signature in {line.signature for line in at_site.domain.approvals()}
    days = at_site.settings.policy.approval_days
    if not known and site.clock.now().date() - dt.date.fromisoformat(approval.day) > dt.timedelta(days=days):
        raise ApprovalProblem(f"this was signed on {approval.day}, more than {days} days ago; make a new request and sign that")
    if not known and approval.shown != previewed(site, at_site).shown_hash:
        raise ApprovalProblem(
            "what would leave is not what was signed: it has changed since. Nothing was signed; make a new request and sign that"
        )
    return len(approval.codes) if at_site.domain.accept(approval, policy) else 0
