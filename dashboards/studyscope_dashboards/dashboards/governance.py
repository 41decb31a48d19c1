"""Privacy and governance: what each hospital allows, what it offers, and when its tables last moved."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, table, text
from grafana_foundation_sdk.builders import dashboard as build

from studyscope_contract.catalogue import centre
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import columns, setting, site_link_column, state_column, transformed
from studyscope_dashboards.page import page, sites_variable, study_variable
from studyscope_dashboards.panels import grid, note, rows

DESCRIPTION = "What each hospital allows and offers, under which thresholds, and when its tables last moved."

EXPLANATION = (
    "A hospital's own data protection sets its policy; the centre cannot loosen it. "
    "Nothing under a site's threshold is shown, numbers come in its multiples, "
    "and a table moves only when enough patients changed. "
    "A release that the site's audit held back looks from here like a table that did not move, and must look like that: "
    "nobody outside can tell which of the two it is. What a site refuses it never has to explain."
)

OFFERS = (("offered", "Offered"), ("refused", "Refused"), ("not_approved", "Unapproved"), ("no_source", "No source"))


def dashboard() -> build.Dashboard:
    return (
        page("governance", "Privacy and governance", DESCRIPTION, [study_variable(), sites_variable()])
        .with_panel(how_to_read(1).span(24).height(4))
        .with_panel(policies(2).span(24).height(11))
        .with_panel(offered_by_site(3).span(12).height(11))
        .with_panel(moves_by_site(4).span(12).height(11))
        .with_panel(offered_by_table(5).span(24).height(16))
    )


def how_to_read(panel_id: int) -> text.Panel:
    return note(panel_id, "How to read this page", "What a policy does, and what cannot be seen from outside.", EXPLANATION)


def policies(panel_id: int) -> table.Panel:
    panel = grid(
        panel_id,
        "Policies in force",
        "The policy that each registered site's newest report names: nothing under so many patients, counts in multiples, "
        "a move only when so many changed. A site that has never reported has stated none.",
    )
    named = q.or_words(f"max by (site, policy) ({q.of_sites(centre.SITE_POLICY.name)})", "policy", "none stated yet")
    queries = (
        f"max by (site, name) ({q.of_sites(centre.SITE_INFO.name)})",
        f"max by (site, state) ({q.in_state(*centre.SITE_STATES)})",
        named,
        *(
            f"max by (site) ({q.of_sites(series.name)})"
            for series in (centre.SITE_THRESHOLD, centre.SITE_BASE, centre.SITE_BATCH, centre.SITE_STUDY_VERSION)
        ),
    )
    for ref, expr in zip("ABCDEFG", queries, strict=True):
        panel = panel.with_target(rows(expr, ref))
    shown = (
        ("site", "Site"),
        ("name", "Hospital"),
        ("state", "State"),
        ("policy", "Policy"),
        ("Value #D", "Nothing under"),
        ("Value #E", "In multiples of"),
        ("Value #F", "Moves for"),
        ("Value #G", "Study version"),
    )
    panel = panel.transformations(columns(*shown, hidden=("Value #A", "Value #B", "Value #C"))).no_value("not stated")
    return _by_site(panel).override_by_name(*state_column("State")).override_by_name("Hospital", [setting("custom.width", 200)])


def offered_by_site(panel_id: int) -> table.Panel:
    panel = grid(
        panel_id,
        "Tables that each site offers",
        "How many of the study's tables each site offers, refuses, has not approved yet or has no source for.",
    )
    panel = panel.with_target(rows(f"max by (site, name) ({q.of_sites(centre.SITE_INFO.name)})", "A"))
    for ref, (offer, _) in zip("BCDE", OFFERS, strict=True):
        panel = panel.with_target(rows(f"count by (site) ({_offer(offer)})", ref))
    shown = [(f"Value #{ref}", heading) for ref, (_, heading) in zip("BCDE", OFFERS, strict=True)]
    hidden = ("Value #A", "name")
    return _by_site(panel.transformations(columns(("site", "Site"), *shown, hidden=hidden)).no_value("–"))


def moves_by_site(panel_id: int) -> table.Panel:
    panel = grid(
        panel_id,
        "Shown tables, and when they last moved",
        "Tables that each site shows numbers of, when the newest and the oldest of them moved, and its last receipt: "
        "the grid point of the newest report that the centre accepted. Refused: reports since its registration.",
    )
    released = q.of_sites(centre.TABLE_RELEASED.name)
    queries = (
        f"max by (site, name) ({q.of_sites(centre.SITE_INFO.name)})",
        f"count by (site) ({released})",
        f"1000 * max by (site) ({released})",
        f"1000 * min by (site) ({released})",
        f"1000 * max by (site) ({q.of_sites(centre.SITE_LAST_REPORT.name)})",
        f"sum by (site) ({q.of_sites(centre.SITE_REFUSED_REPORTS.name)})",
    )
    for ref, expr in zip("ABCDEF", queries, strict=True):
        panel = panel.with_target(rows(expr, ref))
    shown = (
        ("site", "Site"),
        ("Value #B", "Shown"),
        ("Value #C", "Newest move"),
        ("Value #D", "Oldest move"),
        ("Value #E", "Last receipt"),
        ("Value #F", "Refused"),
    )
    panel = panel.transformations(columns(*shown, hidden=("Value #A", "name"))).no_value("none")
    for heading in ("Newest move", "Oldest move", "Last receipt"):
        panel = panel.override_by_name(heading, [setting("unit", "time:YYYY-MM-DD")])
    return _by_site(panel)


def offered_by_table(panel_id: int) -> table.Panel:
    panel = grid(panel_id, "Sites that offer each table", "How many of the chosen sites offer, refuse or cannot fill each table.")
    panel = panel.with_target(rows(f"count by (table, offer) ({q.of_sites(centre.SITE_TABLE.name)} == 1)"))
    matrix = transformed("groupingToMatrix", columnField="offer", rowField="table", valueField="Value", emptyValue="null")
    rename = {"table\\offer": "Table", **dict(OFFERS)}
    order = {name: position for position, name in enumerate(rename)}
    named = transformed("organize", indexByName=order, excludeByName={}, renameByName=rename)
    return panel.transformations([matrix, named]).no_value("–").sort_by([common.TableSortByFieldState().display_name("Table")])


def _offer(offer: str) -> str:
    return q.of_sites(centre.SITE_TABLE.name, f'offer="{offer}"') + " == 1"


def _by_site(panel: table.Panel) -> table.Panel:
    return panel.override_by_name(*site_link_column("Site")).sort_by([common.TableSortByFieldState().display_name("Site")])
