"""The ledger in words: every act, every number that ever left, who let it out, and the centre's receipt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from studyscope_contract.amount import amount
from studyscope_contract.grid import Grid
from studyscope_contract.key_change import KeyChange
from studyscope_contract.keys import VerifyingKey
from studyscope_contract.metric import Kind, TableKey
from studyscope_contract.study import Study
from studyscope_exporter.before_release.words import bucket_words, cell_words, table_words
from studyscope_exporter.disclosure.holding import RETIRED
from studyscope_exporter.disclosure.ledger import chained
from studyscope_exporter.disclosure.ledger_keys import ACT as KEY_ACT
from studyscope_exporter.disclosure.ledger_keys import changes_in
from studyscope_exporter.disclosure.recipient import ACT as RECIPIENT_ACT
from studyscope_exporter.disclosure.recipient import Recipient

DECISIONS = {
    "pause": "A person of the site paused the study: no number moves",
    "resume": "A person of the site let numbers move again",
    "freeze": "A person of the site froze the study: no number moves any more",
    "withdraw_site": "The site left the study",
}
Receipt = Callable[[int], str | None]


@dataclass(frozen=True)
class Value:
    """One number that left; `value` None where a table stopped being shown."""

    table: str
    title: str
    cell: str
    value: int | None
    policy: str
    approvers: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One line of the ledger; `repeats` counts equal reports after it.

    `day` is that of the act, or of the last dated line before it.
    """

    number: int
    day: dt.date | None
    what: str
    sequence: int | None = None
    receipt: str | None = None
    values: tuple[Value, ...] = field(default=())
    repeats: int = 0
    recipient: str = ""  # "" where the ledger does not name one yet
    facts: str = ""  # what the report says of the installation, where that is new
    is_key_change: bool = False


def entries(raw: bytes, study: Study, receipt: Receipt) -> Iterator[Entry]:
    """Every line of a ledger, oldest first; raises LedgerBroken where the chain breaks."""
    reader = _Reader(study, receipt)
    for _, line in chained(raw):
        yield reader.read(line)


class _Reader:
    """Remembers names, policy and day from the lines before."""

    def __init__(self, study: Study, receipt: Receipt) -> None:
        self._study, self._receipt, self._tables = study, receipt, dict(study.tables())
        self._names: dict[str, str] = {}
        self._known: dict[str, str] = {}  # what each table counts, as the ledger last said
        self._grid, self._policy, self._recipient = Grid(), "", ""
        self._day: dt.date | None = None

    def read(self, line: Mapping[str, Any]) -> Entry:
        if policy := line.get("policy"):
            self._grid, self._policy = Grid.model_validate(policy["grid"]), f"{policy['preset']} ({policy['hash'][:12]})"
        act = line["act"]
        if act in ("release", "frozen"):
            return self._report(line)
        if "day" in line:
            self._day = dt.date.fromisoformat(line["day"])
        what = self._act(act, line)
        return Entry(line["number"], self._day, what, recipient=self._recipient, is_key_change=act == KEY_ACT)

    def _report(self, line: Mapping[str, Any]) -> Entry:
        self._day = self._grid.moment(line["grid_point"]).date()
        values = tuple(value for table in line.get("tables", ()) for value in self._values(table))
        what = f"Report {line['sequence']} of {self._day}"
        if line["act"] == "frozen":
            what += ", frozen: the state is lost, everything as it was"
        elif values:
            what += f", {amount(len(line['tables']), 'table')} changed"
        else:
            what += ", nothing changed"
        sequence = line["sequence"]
        entry = Entry(line["number"], self._day, what, sequence, self._receipt(sequence), values, recipient=self._recipient)
        return replace(entry, facts=fact_words(line["facts"])) if "facts" in line else entry

    def _values(self, table: Mapping[str, Any]) -> Iterator[Value]:
        key = TableKey(table["table"], table["per"])
        known = self._tables.get(key)
        title = table_words(self._study, key, known) if known else str(key)
        approvers = tuple(self._name(one) for one in table.get("approved_by", ()))
        if not table["cells"]:
            yield Value(str(key), title, "no longer shown", None, self._policy, approvers)
        ends = {tuple(cell["codes"]) for cell in table["cells"]}
        steps = bucket_words(known, ends) if known and known.kind is Kind.HISTOGRAM else {}
        for cell in table["cells"]:
            codes = tuple(cell["codes"])
            words = steps.get(codes) or (cell_words(known, codes) if known else ", ".join(codes))
            yield Value(str(key), title, words, cell["value"], self._policy, approvers)

    def _act(self, act: str, line: Mapping[str, Any]) -> str:
        if act == "opened":
            return self._opened(line)
        if act == "approvers":
            for person in line["added"]:
                self._names[VerifyingKey.parse(person["key"]).fingerprint] = person["name"]
            added, removed = (", ".join(one["name"] for one in line[what]) for what in ("added", "removed"))
            return "Approvers" + (f", new: {added}" if added else "") + (f", no longer: {removed}" if removed else "")
        if act == "policy":
            signature = line["policy_signature"]
            self._day = dt.date.fromisoformat(signature["day"])
            who = self._name(signature["approver"])
            return f"Policy version {signature['version']} ({signature['policy'][:12]}) signed by {who}"
        if act == "approval":
            approval = line["approval"]
            self._day = dt.date.fromisoformat(approval["day"])
            tables = ", ".join(sorted(approval["codes"]))
            return f"{self._name(approval['approver'])} approved: {tables}"
        if act == KEY_ACT:
            return "; ".join(_key_words(change) for change in changes_in(line))
        if act == "approval_timed_out":
            return f"Not signed within {line['after_days']} days, so held: {', '.join(line['tables'])}"
        if act in (RETIRED, RECIPIENT_ACT, "enrolment_asked", "enrolment_answered"):
            return self._beside_reports(act, line)
        if act == "decision":
            because = f" ({line['because']})" if line.get("because") else ""
            return DECISIONS.get(line["decision"], str(line["decision"])) + because
        if act == "withdrawal":
            return "A patient was withdrawn and erased from the state (the ledger does not say who)"
        return str(act).replace("_", " ")

    def _opened(self, line: Mapping[str, Any]) -> str:
        what = f"Study {line['study']} opened at site {line['site']} under policy {self._policy}"
        before, self._known = self._known, dict(line["tables"])
        if not before:
            return f"{what}, {amount(len(self._known), 'table')} known"
        others = sorted(name for name, counts in self._known.items() if before.get(name, counts) != counts)
        added = sorted(self._known.keys() - before.keys())
        told = [f"{words}: {', '.join(names)}" for words, names in (("counted otherwise", others), ("new", added)) if names]
        return "; ".join([f"{what} once more", *told])

    def _beside_reports(self, act: str, line: Mapping[str, Any]) -> str:
        """What goes to the centre and comes from there, and what never goes again."""
        if act == RETIRED:
            return f"Hidden for good, as the policy says of what held people who left for too long: {', '.join(line['tables'])}"
        if act == RECIPIENT_ACT:
            return self._recipient_words(Recipient.of_line(line))
        if act == "enrolment_asked":
            key = VerifyingKey.parse(line["key"])
            return f"Asked {self._recipient} to enrol site {line['site']}: sent that id and the public key {key.fingerprint}"
        return f"{self._recipient} answered: key {line['key']} is {line['state']}"

    def _recipient_words(self, recipient: Recipient) -> str:
        self._recipient = recipient.address
        keys = ", ".join(VerifyingKey.parse(key).fingerprint for key in recipient.keys)
        return f"What leaves goes to {recipient.address}, " + (f"whose key is {keys}" if keys else "of which no key is named")

    def _name(self, fingerprint: str) -> str:
        return self._names.get(fingerprint, f"key {fingerprint}")


def _key_words(change: KeyChange) -> str:
    old, new = (VerifyingKey(key).fingerprint for key in (change.old, change.new))
    how = "the old one signed for the new one" if change.because is None else f"the old one did not sign: {change.because}"
    return f"The site's signing key changed from {old} to {new}; {how}"


def fact_words(facts: Mapping[str, Any]) -> str:
    """What a report says of the installation beside the numbers."""
    sources = [f"{kind} {'can' if up else 'cannot'} be read" for kind, up in sorted(facts["sources"].items())]
    offers: dict[str, list[str]] = {}
    for table, offer in sorted(facts["tables"].items()):
        offers.setdefault(str(offer).replace("_", " "), []).append(table)
    parts = [f"release {facts['release']}", f"study version {facts['study_version']}", *sources]
    parts += [f"own volume {facts['storage']}"] if facts["storage"] else []
    parts += [f"key valid for {facts['key_months']} months"] if facts["key_months"] is not None else []
    if rounds := facts.get("learning"):
        said = ", ".join(f"{rounds[state]} {state.replace('_', ' ')}" for state in ("taken_part", "late", "missed"))
        parts.append(f"rounds of federated learning: {said}")
    return "; ".join([*parts, *(f"{offer}: {', '.join(tables)}" for offer, tables in offers.items())])
