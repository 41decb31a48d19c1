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
        raise ApprovalProblem(
            "what would leave has changed since you opened this page. Below is what it is now; read it and sign again"
        )
    _refuse_other_files(pem, passphrase)
    key = SigningKey.from_pem(pem, passphrase, "the uploaded file")
    tables = [one.key for one in preview.pending]
    at_site.domain.approve(tables, key, site.clock.now().date(), shown)
    return len(tables)


def _refuse_other_files(pem: bytes, passphrase: str) -> None:
    if b"PUBLIC KEY" in pem or pem.startswith(b"ed25519:"):
        raise ApprovalProblem("the uploaded file is a public key; choose the file that keygen --approver wrote")
    if b"BEGIN PRIVATE KEY" in pem:
        words = "the uploaded key has no passphrase, and a key that anybody could use signs nothing here"
        raise ApprovalProblem(f"{words}; make one with keygen --approver and have it listed")
    if not passphrase:
        raise ApprovalProblem("type the passphrase of your key as well")
