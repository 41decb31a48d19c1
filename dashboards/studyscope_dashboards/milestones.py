"""Sites that show nothing yet: which step before data flow each has passed, and by when the next is due."""

from __future__ import annotations

from typing import get_args

from grafana_foundation_sdk.builders import table

from studyscope_contract.catalogue import centre, progress
from studyscope_contract.study_site import Milestone
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import by_site, setting, site_link_column
from studyscope_dashboards.palette import BLUE, GREEN, ORANGE
from studyscope_dashboards.panels import grid, rows, steps

STEPS: tuple[str, ...] = get_args(Milestone)
_PASSED = 100_000
"""Stands for a passed step among days until a due day; nothing is planned that far ahead."""


def milestones(panel_id: int) -> table.Panel:
    panel = grid(
        panel_id,
        "Sites not recruiting yet: days until each step is due",
        "Sites that have never shown a number of patients. Days until the due day of the study file, less than 0 where it has "
        "passed; ✓ where the step was told of (studyscope-aggregator site passed).",
    ).no_value("Every site that has steps to pass shows numbers.")
    showing = q.of_sites(progress.PATIENTS.metric)
    due = f"floor(({q.of_sites(centre.SITE_MILESTONE_DUE.name)} - time()) / 86400)"
    passed = f"0 * {q.of_sites(centre.SITE_MILESTONE_PASSED.name)} + {_PASSED}"
    days = f"max by (site, milestone) ({passed}) or max by (site, milestone) ({due})"
    panel = panel.with_target(rows(f"({days}) unless on (site) {showing}")).transformations(by_site("milestone", STEPS))
    tick = [{"type": "value", "options": {str(_PASSED): {"text": "✓ passed", "color": GREEN, "index": 0}}}]
    cells = [
        setting("mappings", tick),
        setting("unit", "suffix: d"),
        setting("noValue", "–"),
        setting("thresholds", steps(ORANGE, (0, BLUE)).build()),
        setting("color", {"mode": "thresholds"}),
        setting("custom.cellOptions", {"type": "color-text"}),
        setting("custom.align", "center"),
    ]
    return panel.override_by_field_type("number", cells).override_by_name(*site_link_column("Site"))
