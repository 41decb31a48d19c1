"""An approver's signature, given on the page with a key that is uploaded for it and kept nowhere."""

from __future__ import annotations

from studyscope_contract.keys import SigningKey
from studyscope_exporter.disclosure.errors import ApprovalProblem
from studyscope_exporter.previewing import previewed
from studyscope_exporter.site import Site, StudyAtSite


def sign_on_page(site: Site, at_site: StudyAtSite, shown: str, pem: bytes, passphrase: str) -> int:
    """Signs everything that waits, as it was shown; how many tables. Raises ApprovalProblem and KeyProblem."""
    preview = previewed(site, at_site)
    if preview.shown_hash != shown:
        raise ApprovalProblem("what would leave has changed since this page was shown; read it again. Nothing was signed")
    key = SigningKey.from_pem(pem, passphrase or None, "the uploaded file")
    tables = [one.key for one in preview.pending]
    at_site.domain.approve(tables, key, site.clock.now().date(), shown)
    return len(tables)
