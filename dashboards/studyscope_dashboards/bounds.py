"""Between which numbers a total lies; in words where nobody knows how much it is at most."""

from __future__ import annotations

from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, stat

from studyscope_contract.metric import Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import no_number_as, setting
from studyscope_dashboards.panels import now

IN_WORDS = "at most: unknown, a site has shown nothing", "–"
BRIEF = "at most", "unknown"
"""Name and number of an upper bound that nobody knows: where a name has room, and where the number has."""

_Numbers = TypeVar("_Numbers", stat.Panel, bargauge.Panel)


def with_bounds(panel: _Numbers, table: Table, unknown: tuple[str, str] = BRIEF) -> _Numbers:
    """Adds what a one-cell `table` is at least and at most.

    The centre gives no upper bound while a site may hold any number; a panel that left it out would look as if it forgot it.
    """
    name, words = unknown
    least, most = (f"sum({q.total(table, part)})" for part in ("lower", "upper"))
    panel = panel.with_target(now(least, "at least", "A")).with_target(now(most, "at most", "B"))
    panel = panel.with_target(now(f"NaN * {least} unless {most}", name, "C"))
    return panel.override_by_query("C", [setting("mappings", [no_number_as(words)])])
