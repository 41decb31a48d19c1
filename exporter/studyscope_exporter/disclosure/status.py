"""Where a domain stands, for the site's own screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from studyscope_contract.metric import TableKey
from studyscope_contract.report import Activity, SignedReport
from studyscope_exporter.disclosure.asking import timed_out
from studyscope_exporter.disclosure.ledger import published
from studyscope_exporter.disclosure.reporting import is_shown
from studyscope_exporter.disclosure.store import Loaded
from studyscope_exporter.disclosure.terms import Terms

UNSIGNED = "the policy in the site file differs from the signed one; see policy diff, then policy sign"


@dataclass(frozen=True)
class DomainStatus:
    """Where a domain stands; nothing in it is a number of patients. `released`: grid point per shown table.

    `frozen`: why the state is lost, None where it is there. `holds` says how often in a row the audit
    held a release: for the site's screen only.
    """

    sequence: int
    last_grid_point: int | None
    activity: Activity
    content: str | None
    released: Mapping[TableKey, int]
    versions: Mapping[TableKey, int]
    frozen: str | None = None
    overtaken: bool = False
    unsigned: str | None = None  # why no number moves, where it is for want of a signature under the policy
    published: bool = False  # whether any number was ever shown
    timed_out: tuple[TableKey, ...] = ()  # held: their approvers did not sign in time
    holds: int = field(default=0, repr=False)


def status_of(loaded: Loaded, terms: Terms) -> DomainStatus:
    """From the state, or from the ledger where the state is lost."""
    state = loaded.state
    if state is None:
        last = published(loaded.ledger)
        keyed = {TableKey(*name): table for name, table in last.tables.items()}
        released = {key: int(table["released"]) for key, table in keyed.items()}
        versions = {key: int(table["version"]) for key, table in keyed.items()}
        activity: Activity = "withdrawn" if last.withdrawn else "frozen"
        return DomainStatus(
            last.sequence,
            last.grid_point,
            activity,
            None,
            released,
            versions,
            frozen=loaded.frozen,
            overtaken=last.overtaken,
            published=bool(versions),
        )
    unsigned = UNSIGNED if terms.approved(state) and not terms.signed(state) else None
    content = None if state.report is None else SignedReport.from_bytes(state.report).report.content
    shown = [key for key in terms.tables if is_shown(key, state, terms)]
    released = {key: state.table(key).released for key in shown}
    versions = {key: state.table(key).version for key in shown}
    return DomainStatus(
        state.sequence,
        state.grid_point,
        state.activity,
        content,
        released,
        versions,
        overtaken=state.overtaken,
        unsigned=unsigned,
        published=state.published,
        timed_out=tuple(sorted(timed_out(state, terms))),
        holds=state.holds,
    )
