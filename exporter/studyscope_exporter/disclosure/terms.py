"""Under what a domain releases: the study's tables, the policy, and who approved what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from studyscope_contract.canonical import content_hash
from studyscope_contract.definition import definition
from studyscope_contract.metric import Kind, Table, TableKey, Unit
from studyscope_contract.policy import Parameters, Policy
from studyscope_contract.study import Study
from studyscope_exporter.disclosure.approval import Approval, codes_hash
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.policy_signature import version_in_force
from studyscope_exporter.disclosure.state import State


@dataclass(frozen=True)
class Terms:
    """A study's patient tables under one policy: each with its codes, the hash of what it counts, and the name of both."""

    study: Study
    site: str
    policy: Policy
    tables: Mapping[TableKey, Table]
    codes: Mapping[TableKey, tuple[Cell, ...]]
    definitions: Mapping[TableKey, str]
    names: Mapping[TableKey, str]
    policy_hash: str
    rules_hash: str
    parameters: Parameters
    counted_by: Mapping[TableKey, str]  # names by what rules of the study each is counted
    reported: frozenset[TableKey]  # their numbers leave exactly, as the protocol obliges
    assumed: frozenset[TableKey] = frozenset()  # for a preview: what would be if these were approved

    @classmethod
    def of(cls, study: Study, site: str, policy: Policy) -> Terms:
        tables = {key: table for key, table in study.tables() if table.unit is Unit.PATIENT and policy.declares(table)}
        by_table = {table.id: study.codes(table) for table in tables.values()}
        codes = {key: by_table[table.id] for key, table in tables.items()}
        definitions = {key: codes_hash(study, key, table) for key, table in tables.items()}
        names = {key: content_hash([policy.rules_hash, definition]) for key, definition in definitions.items()}
        counted_by = {key: definition(study, key, table) for key, table in tables.items()}
        reported = frozenset(key for key in tables if key.table in policy.reported)
        hashes = policy.hash, policy.rules_hash
        return cls(study, site, policy, tables, codes, definitions, names, *hashes, policy.parameters, counted_by, reported)

    @property
    def counts(self) -> str:
        """Names what all tables count, by the study in force."""
        return content_hash({str(key): definition for key, definition in self.definitions.items()})

    def of_table(self, key: TableKey) -> str:
        """Names the terms under which a table's numbers are shown."""
        return self.names[key]

    def refused(self, key: TableKey) -> bool:
        return key.table in self.policy.refuse

    def may_leave(self, key: TableKey, state: State) -> bool:
        """Whether approvers can let the table out at all."""
        table = state.tables.get(key)
        return not self.refused(key) and not (table is not None and table.retired)

    def whole(self, key: TableKey) -> bool:
        """Whether every patient of the population is in the table."""
        return not self.tables[key].subpopulation

    def partitions(self, key: TableKey) -> bool:
        """Whether the table's cells add up to the patients in it."""
        return self.tables[key].kind not in (Kind.MULTI, Kind.NESTED)

    def _of_two(self, key: TableKey) -> bool:
        """Two-way, about the work of people, or exact."""
        table = self.tables[key]
        return table.kind is Kind.TWO_WAY or table.of_readers or key in self.reported

    def approvals_needed(self, key: TableKey, state: State) -> int:
        """Two for what `_of_two` says, after a recovery and under other terms (privacy.md 2.3); else as the policy says."""
        if self._of_two(key) or state.generation:
            return 2
        table = state.tables.get(key)
        if table is not None and table.version and table.last_terms != self.of_table(key):
            return 2
        if self.policy.approvals == "auto" and self.signed(state):
            return 0
        return 2 if self.policy.approvals == "four_eyes" else 1

    def approvers(self, key: TableKey, state: State) -> frozenset[str]:
        """Those who signed the table as it is now; of signatures that lie too far apart, the most that belong together."""
        given = [(dt.date.fromisoformat(one.day), one.approver) for one in self.covering(key, state)]
        together = dt.timedelta(days=self.policy.approval_days)
        groups = (frozenset(who for day, who in given if last - together <= day <= last) for last, _ in given)
        return max(groups, key=len, default=frozenset())

    def signing_days(self, key: TableKey, state: State) -> list[dt.date]:
        """When the table as it is now was signed."""
        return [dt.date.fromisoformat(one.day) for one in self.covering(key, state)]

    def covering(self, key: TableKey, state: State) -> list[Approval]:
        """The approvals that count for the table as it is now; who comes back to what was signed once signs anew."""
        codes, threshold, table = self.definitions[key], self.parameters.s, state.tables.get(key)
        given = state.approvals[table.first_approval(self.of_table(key)) if table is not None else 0 :]
        return [one for one in given if one.covers(key, codes, self.rules_hash, threshold)]

    def signed(self, state: State) -> bool:
        """Whether the newest policy that an approver signed is the one in force."""
        return version_in_force(state.policies, self.policy_hash) is not None

    def approved(self, state: State) -> frozenset[TableKey]:
        """Tables that may leave."""
        return frozenset(
            key
            for key in self.tables
            if self.may_leave(key, state) and (key in self.assumed or self.approvals_missing(key, state) <= 0)
        )

    def approvals_missing(self, key: TableKey, state: State) -> int:
        """How many approvers more have to sign before the table may leave; 0 or less: none."""
        return self.approvals_needed(key, state) - len(self.approvers(key, state))

    def waiting(self, state: State) -> tuple[TableKey, ...]:
        """Tables that nobody approved yet as they are now, or that need a second approver."""
        approved = self.approved(state)
        return tuple(key for key in self.tables if key not in approved and self.may_leave(key, state))

    def if_approved(self, state: State) -> Terms:
        """These terms, as if everything that waits for an approver had been approved."""
        return replace(self, assumed=frozenset(self.waiting(state)))
