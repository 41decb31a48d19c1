"""What people sign: approvals of tables, and the policy itself; and who these people are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from studyscope_contract.keys import SigningKey
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
    given = {one.approver for one in state.policies if one.policy == terms.policy_hash}
    if terms.signed(state) and key.public.fingerprint in given:
        return state, []
    signature = PolicySignature.sign(terms.policy, state.policies, key, day, site=terms.site, study=terms.study.id)
    act = {"act": "policy", "policy_signature": signature.as_json()}
    return replace(state, policies=(*state.policies, signature)), [act]


def tables_approved(
    state: State, terms: Terms, tables: Sequence[TableKey], key: SigningKey, day: dt.date
) -> tuple[State, Acts, Approval]:
    """With this person's signature under the tables, and under the policy that they are approved with."""
    for table in tables:
        if table not in terms.tables or not terms.may_leave(table, state):
            raise ApprovalProblem(f"{table} is no table of this study that the policy lets out")
    approval = Approval.sign({table: terms.definitions[table] for table in tables}, terms.policy, key, day)
    state, acts = policy_signed(state, terms, key, day)
    if approval in state.approvals:
        return state, acts, approval
    # The approval's signature is the approver's, that of the line is the site's.
    acts = [*acts, {"act": "approval", "approval": approval.as_json()}]
    return replace(state, approvals=(*state.approvals, approval)), acts, approval
