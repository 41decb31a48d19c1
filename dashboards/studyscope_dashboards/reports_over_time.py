"""Which days have a report, per site, from history: a late report fills the day that it is of."""

from __future__ import annotations

from grafana_foundation_sdk.builders import statetimeline

from studyscope_contract.catalogue import centre
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import code_words
from studyscope_dashboards.palette import GREEN, STATE_COLOURS
from studyscope_dashboards.panels import over_time, states_over_time

WORDS = {"active": "reported", "paused": "paused", "frozen": "frozen", "withdrawn": "left the study"}
COLOURS = {"active": GREEN} | {state: STATE_COLOURS[state] for state in ("paused", "frozen", "withdrawn")}


def reports_over_time(panel_id: int) -> statetimeline.Panel:
    """One line per chosen site."""
    panel = states_over_time(
        panel_id, "Reports over time", "Days that a report of the site holds; a gap is a day without one, until it comes late."
    )
    by_number = {str(i): WORDS[code] for i, code in enumerate(centre.ACTIVITIES)}
    colour = {str(i): COLOURS[code] for i, code in enumerate(centre.ACTIVITIES)}
    activity = f"max by (site) ({q.daily(centre.SITE_ACTIVITY.name)})"
    panel = panel.mappings(code_words(by_number, colour)).with_target(over_time(activity, "{{site}}"))
    return panel.no_value("No report yet.")
