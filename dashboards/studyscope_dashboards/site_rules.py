"""Expressions that the rules about one hospital share."""

from __future__ import annotations

from studyscope_contract.catalogue import centre

LAST_KNOWN = "1d"
"""A series that vanished (the centre restarts, a scrape fails) keeps its last value so long:
otherwise every open alert would be reported as resolved."""

SITE_PAGE = "/d/site?var-study={{ $labels.study }}&var-site={{ $labels.site }}"


def last(name: str, *matchers: str) -> str:
    """The last known value of series `name` of every study and site."""
    selector = f"{name}{{{','.join(matchers)}}}" if matchers else name
    return f"last_over_time({selector}[{LAST_KNOWN}])"


def sites_in(*states: str) -> str:
    """1 for every site in one of `states`, with its hospital's name and city."""
    state = last(centre.SITE_STATE.name, f'state=~"{"|".join(states)}"')
    info = f"max by (study, site, name, city) ({last(centre.SITE_INFO.name)})"
    return f"max by (study, site) ({state} == 1) * on (study, site) group_left (name, city) {info}"
