"""An approval signed on another computer: the request that goes there, and the signature that comes back.

Both are JSON files without exact numbers. The other computer needs no site file and no network: the
request holds the policy, each table with its codes' hash, and the numbers that would leave.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from studyscope_contract.keys import SigningKey
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Policy
from studyscope_contract.yaml_file import Strict, parse_yaml, read_yaml
from studyscope_exporter.disclosure.approval import Approval
from studyscope_exporter.disclosure.errors import ApprovalProblem
from studyscope_exporter.disclosure.policy_signature import PolicySignature
from studyscope_exporter.disclosure.preview import Preview, shown_hash


class ApprovalRequest(Strict):
    """What is to be signed. `policies` are the signatures under policies that were given before."""

    file: Literal["studyscope approval request"] = "studyscope approval request"
    study: str
    title: str
    site: str
    recipient: str
    policy: Policy
    policies: tuple[dict[str, Any], ...]
    tables: tuple[dict[str, Any], ...] = Field(min_length=1)
    shown: str

    def signed(self, key: SigningKey, day: dt.date) -> SignedRequest:
        """The answer of the holder of `key`; raises ApprovalProblem where the file does not hold together."""
        if shown_hash(self.study, self.site, self.policy.hash, self.tables) != self.shown:
            raise ApprovalProblem("this request was changed after it was written; ask the site for a new one")
        codes = {TableKey.parse(table["table"]): str(table["definition"]) for table in self.tables}
        approval = Approval.sign(codes, self.policy, key, day, self.shown)
        earlier = [PolicySignature(**one) for one in self.policies]
        policy = PolicySignature.sign(self.policy, earlier, key, day, site=self.site, study=self.study)
        return SignedRequest(study=self.study, approval=approval.as_json(), policy=policy.as_json())


class SignedRequest(Strict):
    """An approver's answer."""

    file: Literal["studyscope approval"] = "studyscope approval"
    study: str
    approval: dict[str, Any]
    policy: dict[str, Any]

    def signatures(self) -> tuple[Approval, PolicySignature]:
        """Both signatures; raises ApprovalProblem."""
        try:
            return Approval(**self.approval), PolicySignature(**self.policy)
        except TypeError:
            raise ApprovalProblem("this file was not written by approve --sign, or by another version of it") from None


def request_of(
    preview: Preview, *, title: str, recipient: str, policy: Policy, given: tuple[PolicySignature, ...]
) -> ApprovalRequest:
    """The request for everything that waits in `preview`."""
    report = preview.report.report
    return ApprovalRequest(
        study=report.study,
        title=title,
        site=report.site,
        recipient=recipient,
        policy=policy,
        policies=tuple(one.as_json() for one in given),
        tables=tuple(preview.waiting_tables()),
        shown=preview.shown_hash,
    )


def read_request(path: Path) -> ApprovalRequest:
    """Raises FileProblem."""
    return read_yaml(path, ApprovalRequest)


def read_signed(path: Path) -> SignedRequest:
    """Raises FileProblem."""
    return read_yaml(path, SignedRequest)


def parse_signed(raw: bytes, name: str) -> SignedRequest:
    """The content of a file that was called `name`. Raises FileProblem."""
    return parse_yaml(raw, Path(name), SignedRequest)


def as_file(content: Strict) -> bytes:
    """What is written, for a person to look into."""
    return (json.dumps(content.model_dump(mode="json"), indent=1, sort_keys=True) + "\n").encode("ascii")
