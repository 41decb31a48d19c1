"""From a state to the report that says what it shows, and to the ledger's line about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from studyscope_contract.keys import SigningKey
from studyscope_contract.metric import TableKey
from studyscope_contract.report import (
    Activity,
    Offer,
    PolicyStatement,
    ProtectedTable,
    Report,
    ShownUnit,
    SignedReport,
    SiteFacts,
)
from studyscope_contract.report import Cell as PublishedCell
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.ledger import Published
from studyscope_exporter.disclosure.state import State
from studyscope_exporter.disclosure.terms import Terms


def shown_tables(state: State, terms: Terms) -> tuple[ProtectedTable, ...]:
    """Every approved table that has a visible cell under the terms in force."""
    approved = terms.approved(state)
    return tuple(_table(key, state, terms) for key in terms.tables if key in approved and is_shown(key, state, terms))


def is_shown(key: TableKey, state: State, terms: Terms) -> bool:
    table = state.table(key)
    return bool(table.shown) and table.terms == terms.of_table(key)


def _table(key: TableKey, state: State, terms: Terms) -> ProtectedTable:
    table = state.table(key)
    cells = tuple(PublishedCell(codes=codes, value=value) for codes, value in table.shown)
    unit: ShownUnit = "reported" if key in terms.reported else "patient"
    return ProtectedTable(table=key.table, per=key.per, version=table.version, released=table.released, unit=unit, cells=cells)


def with_offers(facts: SiteFacts, state: State, terms: Terms) -> SiteFacts:
    """The site's facts with what the policy and the approvers say of each table."""
    approved, offers = terms.approved(state), dict[str, Offer](facts.tables)
    for key in terms.tables:
        if not terms.may_leave(key, state):
            offers[key.table] = "refused"
        elif key not in approved:
            offers[key.table] = "not_approved"
        else:
            offers.setdefault(key.table, "offered")
    return facts.model_copy(update={"tables": offers})


def signed_report(state: State, terms: Terms, facts: SiteFacts, point: int, key: SigningKey) -> SignedReport:
    """The report of a grid point: the next sequence number, and what the state shows."""
    tables, policy = shown_tables(state, terms), PolicyStatement.of(terms.policy)
    said = _of_a_site_that_left(facts) if state.activity == "withdrawn" else with_offers(facts, state, terms)
    return _signed(terms, state.sequence + 1, point, state.activity, policy, said, tables, key)


def frozen_report(last: Published, terms: Terms, facts: SiteFacts, point: int, key: SigningKey) -> SignedReport:
    """The report of a domain whose state is lost: the tables of the ledger, byte for byte."""
    policy = PolicyStatement.of(terms.policy) if last.policy is None else PolicyStatement.model_validate(dict(last.policy))
    tables = tuple(ProtectedTable.model_validate(dict(table)) for table in last.tables.values())
    if last.withdrawn:
        return _signed(terms, last.sequence + 1, point, "withdrawn", policy, _of_a_site_that_left(facts), (), key)
    return _signed(terms, last.sequence + 1, point, "frozen", policy, facts, tables, key)


def _of_a_site_that_left(facts: SiteFacts) -> SiteFacts:
    return SiteFacts(release=facts.release, study_version=facts.study_version)


def _signed(
    terms: Terms,
    sequence: int,
    point: int,
    activity: Activity,
    policy: PolicyStatement,
    facts: SiteFacts,
    tables: tuple[ProtectedTable, ...],
    key: SigningKey,
) -> SignedReport:
    report = Report(
        study=terms.study.id,
        site=terms.site,
        sequence=sequence,
        grid_point=point,
        activity=activity,
        policy=policy,
        facts=facts,
        tables=tables,
        content=Report.hash_of(policy, facts, tables),
    )
    return SignedReport.sign(report, key)


def release_act(
    signed: SignedReport,
    before: Iterable[ProtectedTable],
    verdict: Verdict | None,
    state: State,
    terms: Terms,
    last: bytes | None,
) -> Mapping[str, Any]:
    """The ledger's line: in full only what differs from the tables that left `before`, and from the `last` report's facts."""
    report = signed.report
    old = {(table.table, table.per): table for table in before}
    new = {(table.table, table.per): table for table in report.tables}
    moved = [_line(table, state, terms) for name, table in new.items() if old.get(name) != table]
    moved += [{"table": table, "per": per, "cells": []} for table, per in old if (table, per) not in new]
    act = {
        "act": "frozen" if report.activity == "frozen" else "release",
        "grid_point": report.grid_point,
        "sequence": report.sequence,
        "content": report.content,
    } | new_facts(report.facts, last)
    if not moved:
        return act
    proof = verdict.proof if verdict is not None and verdict.passed else _unaudited(moved)
    statement = report.policy.model_dump(mode="json")
    return act | {"policy": statement, "release": report.facts.release, "audit": proof, "tables": moved}


def new_facts(facts: SiteFacts, last: bytes | None) -> dict[str, Any]:
    """The facts for the ledger's line, where the `last` report did not say the same."""
    if last is not None and SignedReport.from_bytes(last).report.facts == facts:
        return {}
    return {"facts": facts.model_dump(mode="json")}


def _unaudited(moved: Iterable[Mapping[str, Any]]) -> str:
    """Why there was nothing to audit: no number moved, or exact ones only, which every audit takes as known."""
    exact = any(table.get("unit") == "reported" for table in moved)
    return "none: exact numbers under the protocol moved, no protected one" if exact else "none: nothing was newly shown"


def _line(table: ProtectedTable, state: State, terms: Terms) -> dict[str, Any]:
    approvers = terms.approvers(TableKey(table.table, table.per), state)
    return table.model_dump(mode="json") | {"approved_by": sorted(approvers)}
