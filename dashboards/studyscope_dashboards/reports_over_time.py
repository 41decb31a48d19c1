"""Which days have a report, per site, from history: a late report fills the day that it is of."""

from __future__ import annotations

from grafana_foundation_sdk.builders import statetimeline

from studyscope_contract.catalogue import centre
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import code_words
from studyscope_dashboards.many_sites import FEW
from studyscope_dashboards.palette import GREEN, GREY, STATE_COLOURS
from studyscope_dashboards.panels import over_days, states_over_time

_NEVER, _TAKEN_BACK = -1, -2
WORDS = {"active": "reported", "paused": "paused", "frozen": "frozen", "withdrawn": "left the study"}
COLOURS = {"active": GREEN} | {state: STATE_COLOURS[state] for state in ("paused", "frozen", "withdrawn")}


def reports_over_time(panel_id: int, *, paged: bool = False) -> statetimeline.Panel:
    """One line per chosen site, also for one that never reported."""
    panel = states_over_time(
        panel_id,
        "Reports over time",
        "Days that a report of the site holds; a gap is a day without one, until it comes late. Grey: the report was taken back.",
    )
    by_number = {str(i): WORDS[code] for i, code in enumerate(centre.ACTIVITIES)}
    colour = {str(i): COLOURS[code] for i, code in enumerate(centre.ACTIVITIES)}
    by_number |= {str(_NEVER): "never reported", str(_TAKEN_BACK): "taken back"}
    colour |= {str(_NEVER): STATE_COLOURS["never_reported"], str(_TAKEN_BACK): GREY}
    activity = f"max by (site) ({q.daily(centre.SITE_ACTIVITY.name)})"
    taken_back = f"0 * max by (site) ({q.daily_mark(centre.SITE_RETRACTED.name)}) + {_TAKEN_BACK}"
    state = q.last(centre.SITE_STATE.name, 'state="never_reported"', at_end=True)
    never = f"0 * max by (site) ({state} == 1) + {_NEVER}"
    every = f"{activity} or on (site) {taken_back} or on (site) {never}"
    panel = panel.per_page(FEW) if paged else panel
    return panel.mappings(code_words(by_number, colour)).with_target(over_days(every, "{{site}}")).no_value("No report yet.")
