"""From lost, overtaken or frozen state to a new generation (design.md 8).

What was published is known again, from the ledger and from the reports that the centre accepted. Who
was counted is not, and is not guessed: a table shows what it showed last until so many people are
there that at least a gate's worth of them cannot have been among those counted before.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from studyscope_contract.canonical import canonical_bytes
from studyscope_contract.keys import SigningKey
from studyscope_contract.metric import Kind, TableKey
from studyscope_contract.policy import Parameters
from studyscope_contract.report import PolicyStatement, ProtectedTable, Report
from studyscope_exporter.disclosure.contributions import POPULATION
from studyscope_exporter.disclosure.errors import PolicyLoosened, RecoveryProblem
from studyscope_exporter.disclosure.history import Release
from studyscope_exporter.disclosure.holding import retired_before, retirement
from studyscope_exporter.disclosure.ledger import Published, after_lines, chained, published
from studyscope_exporter.disclosure.opening import refuse_looser_numbers, refuse_other_disclosure
from studyscope_exporter.disclosure.policy_signature import PolicySignature
from studyscope_exporter.disclosure.randomness import SecretRandom
from studyscope_exporter.disclosure.rebuilding import contradicts, release_lines, shown_releases
from studyscope_exporter.disclosure.state import Clock, State, TableState
from studyscope_exporter.disclosure.store import Loaded
from studyscope_exporter.disclosure.supposition import supposed_history
from studyscope_exporter.disclosure.terms import Terms


@dataclass(frozen=True)
class Recovered:
    """A new generation, and what the ledger says of it. `set_aside`: the ledger on disk tells of another machine."""

    state: State
    acts: tuple[Mapping[str, Any], ...]
    set_aside: bool
    shown: tuple[TableKey, ...]


def may_recover(loaded: Loaded) -> None:
    """Raises RecoveryProblem where nothing is lost."""
    state = loaded.state
    if published(loaded.ledger).withdrawn or (state is not None and state.activity == "withdrawn"):
        raise RecoveryProblem("this site has left the study for good: there is nothing to recover")
    if state is not None and not state.overtaken and state.activity != "frozen" and state.published:
        raise RecoveryProblem(f"this study is {state.activity} here and its state is whole: there is nothing to recover")


def recovered(
    loaded: Loaded, reports: Sequence[Report], least: int, marks: frozenset[bytes], terms: Terms, random: SecretRandom
) -> Recovered:
    """The next generation; `least` is the greatest sequence number that was ever used. Raises RecoveryProblem, PolicyLoosened."""
    may_recover(loaded)
    aside = contradicts(loaded.ledger, reports)
    ledger, state = (b"", None) if aside else (loaded.ledger, loaded.state)
    before = published(ledger)
    new = [report for report in reports if report.sequence > before.sequence]
    rebuilt = tuple(release_lines(before.tables, new))
    now = after_lines(before, rebuilt)
    if not now.sequence and not least:
        raise RecoveryProblem("nothing was ever published: start with an empty state folder, as a new site")
    _refuse_looser(now, terms)
    kept = [line for _, line in chained(ledger)]
    history = _history(state, kept, rebuilt, terms)
    generation = 1 + sum(line["act"] == "recovered" for line in kept)
    retired = _retired(loaded, reports, terms)
    offered = terms.tables.keys() - retired
    shown = tuple(key for name in now.tables if (key := TableKey(*name)) in offered and not terms.refused(key))
    known = _still_counts([*kept, *rebuilt], reports, terms)
    grid = terms.policy.grid
    following = State(
        tables={key: replace(_table(key, now, known, terms, random), retired=key in retired) for key in terms.tables},
        epoch=max((table.epoch for release in history for table in release.tables), default=0),
        generation=generation,
        withdrawn=marks | (loaded.state.withdrawn if loaded.state is not None else frozenset()),
        policies=_policies(kept),
        history=history,
        sequence=max(now.sequence, least),
        grid_point=now.grid_point,
        policy=terms.policy_hash,
        parameters=terms.parameters,
        every_days=grid.every_days,
        at_hour=grid.at_hour,
        delay_days=terms.policy.delay_days,
        reported=terms.policy.reported,
        counts=terms.counts,
    )
    acts = (*rebuilt, *([retirement(map(str, retired))] if retired else ()))
    return Recovered(following, acts, aside, shown)


def _retired(loaded: Loaded, reports: Sequence[Report], terms: Terms) -> frozenset[TableKey]:
    """Tables that were hidden for good once; no recovery brings them back."""
    state = loaded.state
    known = frozenset() if state is None else frozenset(key for key, table in state.tables.items() if table.retired)
    lines = (line for _, line in chained(loaded.ledger))
    return (known | retired_before(lines, reports, terms.policy.refuse)) & terms.tables.keys()


def recovery_act(
    done: Recovered, reports: Sequence[Report], keys: Sequence[SigningKey], day: dt.date, terms: Terms
) -> dict[str, Any]:
    """The ledger's line, with the signatures of those who answer for it."""
    said = {
        "site": terms.site,
        "study": terms.study.id,
        "generation": done.state.generation,
        "sequence": done.state.sequence,
        "reports": len(reports),
        "day": day.isoformat(),
    }
    message = canonical_bytes({"recovery": said})
    signatures = [{"approver": key.public.fingerprint, "signature": base64.b64encode(key.sign(message)).decode()} for key in keys]
    return {"act": "recovered", "recovery": said, "set_aside": done.set_aside, "signatures": signatures}


def _refuse_looser(now: Published, terms: Terms) -> None:
    if now.policy is None:
        return
    statement = PolicyStatement.model_validate(dict(now.policy))
    refuse_looser_numbers(statement.parameters, terms.parameters)
    refuse_other_disclosure(statement.reported, terms.policy.reported)
    if statement.grid != terms.policy.grid:
        raise PolicyLoosened("grid")


def _history(
    state: State | None, kept: Sequence[Mapping[str, Any]], rebuilt: Sequence[Mapping[str, Any]], terms: Terms
) -> tuple[Release, ...]:
    """Of what this machine still knows the truth; of the rest a supposed one."""
    if state is None or not state.history:
        return supposed_history(shown_releases([*kept, *rebuilt]), terms)
    return state.history + supposed_history(shown_releases(rebuilt), terms, first_epoch=state.epoch)


def _policies(kept: Sequence[Mapping[str, Any]]) -> tuple[PolicySignature, ...]:
    return tuple(PolicySignature(**line["policy_signature"]) for line in kept if line["act"] == "policy")


def _still_counts(lines: Sequence[Mapping[str, Any]], reports: Sequence[Report], terms: Terms) -> frozenset[TableKey]:
    """Tables that count today what they counted when they were shown last: by the ledger, without one by the study's version."""
    opened, counted = dict[str, str](), dict[str, str | None]()
    for line in lines:
        if line["act"] == "opened":
            opened = line["tables"]
        elif line["act"] == "release":
            last = (table for table in line.get("tables", ()) if table["cells"] and table["released"] == line["grid_point"])
            counted |= {name: opened.get(name) for table in last for name in [str(TableKey(table["table"], table["per"]))]}
    if opened:
        return frozenset(key for key in terms.tables if (opened | counted).get(str(key)) == terms.definitions[key])
    same = not reports or reports[-1].facts.study_version == terms.study.version
    return frozenset(terms.tables) if same else frozenset()


def _table(key: TableKey, now: Published, known: frozenset[TableKey], terms: Terms, random: SecretRandom) -> TableState:
    """As it was shown last, with a gate above everybody who can have been counted; exact numbers have none."""
    table = TableState(Clock.drawn(terms.policy, random), reopen_over=0 if key in terms.reported else _most(key, now, terms))
    raw = now.tables.get((key.table, key.per))
    if raw is None or now.policy is None:
        return table
    last = ProtectedTable.model_validate(dict(raw))
    shown = tuple((tuple(cell.codes), cell.value) for cell in last.cells)
    same = key in known and PolicyStatement.model_validate(dict(now.policy)).parameters == terms.parameters
    name = terms.of_table(key) if same and {codes for codes, _ in shown} <= set(terms.codes[key]) else "before"
    return replace(table, version=last.version, released=last.released, shown=shown, terms=name, last_terms=name)


def _most(key: TableKey, now: Published, terms: Terms) -> int:
    """The most patients that the table's last version can have been counted from (design.md 8, `recover`)."""
    parameters = terms.parameters if now.policy is None else Parameters.model_validate(now.policy["parameters"])
    everybody = _everybody(now, parameters, terms)
    raw, table = now.tables.get((key.table, key.per)), terms.tables[key]
    if key == POPULATION or raw is None or not table.subpopulation or table.sensitive or table.kind is Kind.MAGNITUDE:
        return everybody
    return min(everybody, _sum_of_tops(key, raw, parameters, terms))


def _everybody(now: Published, parameters: Parameters, terms: Terms) -> int:
    """The top of the last published bin of N, s-1 where it is hidden; without N, what the other tables allow."""
    population = now.tables.get(("population", ""))
    if population is not None:
        return parameters.bounds(population["cells"][0]["value"])[1]
    keyed = {TableKey(*name): raw for name, raw in now.tables.items()}
    # Exact numbers are of the last day, not of the day on which the protected tables were frozen.
    protected = terms.tables.keys() - terms.reported
    known = [key for key in keyed if key in protected and terms.tables[key].kind is not Kind.MAGNITUDE]
    return max((_sum_of_tops(key, keyed[key], parameters, terms) for key in known), default=parameters.s - 1)


def _sum_of_tops(key: TableKey, raw: Mapping[str, Any], parameters: Parameters, terms: Terms) -> int:
    shown = sum(parameters.bounds(cell["value"])[1] for cell in raw["cells"])
    hidden = 0 if terms.tables[key].kind is Kind.HISTOGRAM else len(terms.codes[key]) - len(raw["cells"])
    return int(shown + hidden * (parameters.s - 1))
