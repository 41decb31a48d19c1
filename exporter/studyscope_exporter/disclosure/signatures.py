"""What approvers sign: the policy, and the tables that may leave under it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from studyscope_contract.keys import SigningKey
from studyscope_contract.metric import TableKey
from studyscope_exporter.disclosure.approval import Approval, listed_approver
from studyscope_exporter.disclosure.domain_folder import DomainFolder, in_turn
from studyscope_exporter.disclosure.policy_signature import PolicySignature
from studyscope_exporter.disclosure.signing import policy_signed, signed_elsewhere, tables_approved


class Signatures(DomainFolder):
    """Given here with a key, or brought from another computer."""

    @in_turn
    def approve(self, tables: Sequence[TableKey], approver_key: SigningKey, day: dt.date, shown: str = "") -> Approval:
        """Lets `tables` out under the policy and codes of today, signed by a listed approver; raises ApprovalProblem.

        `shown` names what the approver was shown (`Preview.shown_hash`); it is part of what is signed.
        """
        state = self._state_or_refuse("approved")
        listed_approver(approver_key, self._approvers)
        state, acts, approval = tables_approved(state, self._terms, tables, approver_key, day, shown)
        self._commit(state, *acts)
        return approval

    @in_turn
    def accept(self, approval: Approval, policy: PolicySignature) -> bool:
        """As `approve`, with signatures given on another computer; False where they were here before."""
        state, acts = signed_elsewhere(self._state_or_refuse("approved"), self._terms, approval, policy, self._approvers)
        self._commit(state, *acts)
        return bool(acts)

    @in_turn
    def sign_policy(self, approver_key: SigningKey, day: dt.date) -> bool:
        """Puts the policy in force, signed by a listed approver; False where they had signed it. Raises ApprovalProblem."""
        state = self._state_or_refuse("signed")
        listed_approver(approver_key, self._approvers)
        state, acts = policy_signed(state, self._terms, approver_key, day)
        self._commit(state, *acts)
        return bool(acts)

    @in_turn
    def policy_signatures(self) -> tuple[PolicySignature, ...]:
        """Every signature under a policy of this domain, oldest first."""
        state = self._load().state
        return () if state is None else state.policies

    @in_turn
    def approvals(self) -> tuple[Approval, ...]:
        """Every approval of tables of this domain, oldest first."""
        state = self._load().state
        return () if state is None else state.approvals

    @in_turn
    def pending_approvals(self) -> tuple[TableKey, ...]:
        """Tables that nobody approved yet as they are now, or that need a second approver."""
        loaded = self._load()
        if loaded.state is None or loaded.state.activity == "withdrawn":
            return ()
        return self._terms.waiting(loaded.state)
