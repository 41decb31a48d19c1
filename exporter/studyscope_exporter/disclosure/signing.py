"""What people sign: approvals of tables, and the policy itself; and who these people are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.metric import TableKey
from studyscope_exporter.disclosure.approval import Approval, Approver
from studyscope_exporter.disclosure.errors import ApprovalProblem
from studyscope_exporter.disclosure.policy_signature import PolicySignature
from studyscope_exporter.disclosure.state import State
from studyscope_exporter.disclosure.terms import Terms

Acts = list[Mapping[str, Any]]
"""Lines for the ledger."""


def people_known(state: State, approvers: Sequence[Approver]) -> tuple[State, Acts]:
    """With the approvers of today, and a line that says who came and who went."""
    before, now = dict(state.approvers), {one.name: one.key for one in approvers}
    if before == now:
        return state, []
    act = {"act": "approvers", "added": _new(now, before), "removed": _new(before, now)}
    return replace(state, approvers=tuple(now.items())), [act]


def _new(people: Mapping[str, str], before: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "key": key} for name, key in sorted(people.items()) if before.get(name) != key]


def policy_signed(state: State, terms: Terms, key: SigningKey, day: dt.date) -> tuple[State, Acts]:
    """With this person's signature under the policy of today; nothing where they gave it before."""
    if terms.signed(state) and _has_signed(state, terms, key.public.fingerprint):
        return state, []
    signature = PolicySignature.sign(terms.policy, state.policies, key, day, site=terms.site, study=terms.study.id)
    act = {"act": "policy", "policy_signature": signature.as_json()}
    return replace(state, policies=(*state.policies, signature)), [act]


def tables_approved(
    state: State, terms: Terms, tables: Sequence[TableKey], key: SigningKey, day: dt.date, shown: str = ""
) -> tuple[State, Acts, Approval]:
    """With this person's signature under the tables, and under the policy that they are approved with."""
    for table in tables:
        if table not in terms.tables or not terms.may_leave(table, state):
            raise ApprovalProblem(f"{table} is no table of this study that the policy lets out")
    approval = Approval.sign({table: terms.definitions[table] for table in tables}, terms.policy, key, day, shown)
    state, acts = policy_signed(state, terms, key, day)
    if approval in state.approvals and all(approval in terms.covering(table, state) for table in tables):
        return state, acts, approval
    # The approval's signature is the approver's, that of the line is the site's.
    acts = [*acts, {"act": "approval", "approval": approval.as_json()}]
    return replace(state, approvals=(*state.approvals, approval)), acts, approval


def signed_elsewhere(
    state: State, terms: Terms, approval: Approval, policy: PolicySignature, approvers: Sequence[Approver]
) -> tuple[State, Acts]:
    """With an approval and the signature under its policy, both given on another computer; raises ApprovalProblem."""
    keys = [VerifyingKey.parse(one.key) for one in approvers]
    if not any(approval.is_signed_by(key) and policy.is_signed_by(key) for key in keys):
        raise ApprovalProblem("the signature is of no approver of this study, or what was signed has been changed since")
    for name in approval.codes:
        table = TableKey.parse(name)
        if table not in terms.tables or not terms.may_leave(table, state):
            raise ApprovalProblem(f"{name} is no table of this study that the policy lets out")
        if not approval.covers(table, terms.definitions[table], terms.rules_hash, terms.parameters.s):
            raise ApprovalProblem(f"{name}: its codes or the policy have changed since it was signed; make a new request")
    known = {one.signature for one in state.policies}
    expected = (terms.site, terms.study.id, *PolicySignature.follows(terms.policy, state.policies))
    given = (policy.site, policy.study, policy.version, policy.policy, policy.before)
    if policy.signature not in known and given != expected:
        raise ApprovalProblem("the policy has changed since this was signed; make a new request")
    acts: Acts = []
    if policy.signature not in known and not (terms.signed(state) and _has_signed(state, terms, policy.approver)):
        acts.append({"act": "policy", "policy_signature": policy.as_json()})
        state = replace(state, policies=(*state.policies, policy))
    if approval not in state.approvals:
        acts.append({"act": "approval", "approval": approval.as_json()})
        state = replace(state, approvals=(*state.approvals, approval))
    return state, acts


def _has_signed(state: State, terms: Terms, approver: str) -> bool:
    return any(one.approver == approver and one.policy == terms.policy_hash for one in state.policies)
