"""Reports are read in one look where nothing is to be objected to: never where the whole would be refused, and to the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator_cast import TODAY, Centre, StandingClock, a_report, a_study, a_table, served
from studyscope_aggregator.acceptance import Received
from studyscope_aggregator.app import create_app
from studyscope_aggregator.canonical_report import CanonicalReport, facts_in, policy_in
from studyscope_aggregator.content_rules import StudyRules
from studyscope_aggregator.standing import Shown, Standing
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Policy
from studyscope_contract.report import PolicyStatement, ReportProblem
from studyscope_contract.study import Study

EXACT = {"preset": "tens-open", "disclosure": {"reported": ["stage"], "legal_basis": "Protocol 4.2, ethics committee"}}
POLICIES = [PolicyStatement.of(Policy.model_validate(policy)) for policy in ({}, EXACT)]
STUDY = Study.model_validate(a_study())
RULES = StudyRules(STUDY)
PLACES = [(key, table) for key, table in STUDY.tables() if len(STUDY.codes(table)) < 20] + [(TableKey("unheard_of"), None)]

ORDERLY = st.sampled_from([20, 30, 100, 9990, 250])
VALUES = ORDERLY | st.sampled_from([0, 3, 5, 10, 15, 41, 10**8, 10**8 + 10, 10**12])
CODES = st.sampled_from([["nobody"], ["F", "F"], [], ["]"], ['"'], ["F "]])


@st.composite
def a_shown_table(draw: st.DrawFn, *, orderly: bool) -> dict[str, Any]:
    """A table as the canonical form has it; where not `orderly`, with anything in it that should not be."""
    key, table = draw(st.sampled_from(PLACES[:-1] if orderly else PLACES))
    allowed = [list(codes) for codes in STUDY.codes(table)] if table else [["F"]]
    codes = draw(
        st.lists(st.sampled_from(allowed), min_size=1, unique_by=tuple) if orderly else st.lists(CODES | st.sampled_from(allowed))
    )
    cells = [{"codes": each, "value": draw(st.just(1000) if orderly else VALUES)} for each in codes]
    released = TODAY - 9 if orderly else draw(st.sampled_from([0, TODAY - 9, TODAY + 99, 10**7]))
    shown = {"cells": cells, "per": key.per, "released": released, "table": key.table, "version": draw(st.integers(1, 9))}
    return shown if orderly or draw(st.booleans()) else {**shown, "unit": draw(st.sampled_from(["reported", "patient"]))}


TABLES = st.lists(a_shown_table(orderly=True), max_size=3) | st.lists(
    a_shown_table(orderly=True) | a_shown_table(orderly=False), max_size=2
)
ALTERED = st.none() | st.tuples(
    st.integers(0, 500), st.sampled_from(["", " ", ",", "]", "}", "{", "0", '"', "},{", '{"cells":[', "\n", "\\u0041"])
)


def sent(tables: list[dict[str, Any]], policy: PolicyStatement, grid_point: int, altered: tuple[int, str] | None) -> bytes:
    """A report in canonical form but for what was `altered` in the text of its tables, with the hash of just these bytes."""
    written = json.loads(a_report(tables=(), policy=policy, grid_point=grid_point).canonical())
    parts = {name: json.dumps(written[name], sort_keys=True, separators=(",", ":")) for name in ("facts", "policy")}
    text = json.dumps(tables, sort_keys=True, separators=(",", ":"))
    if altered is not None:
        place = altered[0] % (len(text) + 1)
        text = text[:place] + altered[1] + text[place + 1 :]
    said = f'{{"facts":{parts["facts"]},"policy":{parts["policy"]},"tables":{text}}}'
    content = hashlib.sha256(said.encode()).hexdigest()
    report = (
        f'{{"activity":"active","content":"{content}","facts":{parts["facts"]},"grid_point":{grid_point},"policy":{parts["policy"]},'
        f'"schema":1,"sequence":1,"site":"berlin","study":"liver","tables":{text}}}'
    )
    return f'{{"key":"0000-0000-0000-0000","report":{report},"signature":"{"A" * 86}=="}}'.encode()


def whole(raw: bytes) -> Mapping[TableKey, Shown] | None:
    """The tables of a report that may be shown, read and judged number by number."""
    try:
        received = Received.of(raw)
    except ReportProblem:
        return None
    assert received.report is not None
    return None if RULES.objection(received.report) else received.tables


def one_look(raw: bytes, before: Mapping[TableKey, Shown]) -> Mapping[TableKey, Shown] | None:
    found = CanonicalReport.of(raw)
    policy, facts = (policy_in(found.policy), facts_in(found.facts)) if found else (None, None)
    if found is None or policy is None or facts is None:
        return None
    return RULES.in_order(facts, policy, found.tables, found.grid_point, before)


@given(st.sampled_from(POLICIES), st.lists(st.tuples(TABLES, TABLES, ALTERED), max_size=3))
@example(POLICIES[0], [([{"cells": [], "per": "", "released": 1, "table": "sex", "version": 1}], [], None)])
@example(
    POLICIES[0],
    [([{"cells": [{"codes": ["F"], "value": 20}] * 2, "per": "", "released": 1, "table": "sex", "version": 1}], [], None)],
)
def test_a_sequence_of_reports_is_judged_in_one_look_as_it_is_judged_whole(
    policy: PolicyStatement, reports: list[tuple[list[dict[str, Any]], list[dict[str, Any]], tuple[int, str] | None]]
) -> None:
    before: Mapping[TableKey, Shown] = {}
    accepted: list[dict[str, Any]] = []
    for number, (moved, new, altered) in enumerate(reports):
        names = {(table["table"], table["per"]) for table in moved}
        tables = [table for table in accepted if (table["table"], table["per"]) not in names] + moved + new
        raw = sent(tables, policy, TODAY + number, altered)
        seen, expected = one_look(raw, before), whole(raw)

        assert seen == expected
        if seen is not None and expected is not None:
            assert [list(table.cells) for table in seen.values()] == [list(table.cells) for table in expected.values()]
            before, accepted = seen, tables if altered is None else accepted


@pytest.mark.parametrize(("cells", "status"), [({("F",): 30, ("M",): 40}, 201), ({("F",): 30, ("M",): 41}, 422)])
def test_what_did_not_move_is_taken_over_and_what_moved_is_judged(
    tmp_path: Any, cells: dict[tuple[str, ...], int], status: int
) -> None:
    centre = Centre(tmp_path)
    app = create_app(centre.settings(), MemoryStore(), StandingClock())
    shown = [
        (a_table(), a_table("sex", {("F",): 20, ("M",): 20})),
        (a_table(), a_table("sex", {("F",): 20, ("M",): 30})),
        (a_table(), a_table("sex", cells)),
    ]
    standings: list[Standing] = []
    with served(app) as client:
        for number, tables in enumerate(shown):
            report = a_report(sequence=1 + number, grid_point=TODAY - 9 + number, tables=tables)
            answer = client.post("/api/v1/reports", content=centre.signed(report).to_bytes())
            standings.append(app.state.wiring.consortium.standing("liver", "berlin"))

    assert answer.status_code == status
    assert standings[1].tables[TableKey("population")] is standings[0].tables[TableKey("population")]
    assert standings[1].tables[TableKey("sex")].cells == {("F",): 20, ("M",): 30}
    assert (standings[2] is standings[1]) == (status == 422)
