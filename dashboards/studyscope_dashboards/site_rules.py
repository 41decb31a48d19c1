"""Expressions that the rules about one hospital share."""

from __future__ import annotations

from studyscope_contract.catalogue import centre

LAST_KNOWN = "1d"
"""A series that vanished (the centre restarts, a scrape fails) keeps its last value so long:
otherwise every open alert would be reported as resolved."""

_CHOSEN = "var-study={{ $labels.study }}&var-site={{ $labels.site }}"
SITE_PAGE = f"/d/site?{_CHOSEN}"
INFERENCE_JOBS = f"/d/inference_jobs?{_CHOSEN}"
SEGMENTATIONS = f"/d/segmentation_outcomes?{_CHOSEN}&var-structure={{{{ $labels.structure }}}}"


_NEWEST = f"printf `last_over_time({centre.SITE_LAST_REPORT.name}{{study=%q,site=%q}}[1d])` $labels.study $labels.site | query"


def where_it_shows_numbers(then: str, otherwise: str = "") -> str:
    """`then` for a site of which a report counts, `otherwise` for one that never reported or has none left."""
    return f"{{{{ with {_NEWEST} }}}}{then}{{{{ else }}}}{otherwise}{{{{ end }}}}"


LAST_REPORT_DAY = ' Its last report is of {{ (. | first | value | toTime).Format "2 January 2006" }}.'
"""Only inside of `where_it_shows_numbers`."""
LAST_REPORT = where_it_shows_numbers(LAST_REPORT_DAY)
"""A sentence with the day of the site's newest report, which begins with a space; nothing where there is none."""


def last(name: str, *matchers: str) -> str:
    """The last known value of series `name` of every study and site."""
    selector = f"{name}{{{','.join(matchers)}}}" if matchers else name
    return f"last_over_time({selector}[{LAST_KNOWN}])"


def sites_in(*states: str) -> str:
    """1 for every site in one of `states`, with its hospital's name and city."""
    state = last(centre.SITE_STATE.name, f'state=~"{"|".join(states)}"')
    info = f"max by (study, site, name, city) ({last(centre.SITE_INFO.name)})"
    return f"max by (study, site) ({state} == 1) * on (study, site) group_left (name, city) {info}"


def named(expr: str, *more: str) -> str:
    """`expr`, a value per study, site and `more`, with the hospital's name and city; not for a site that left the study."""
    info = f"max by (study, site, name, city) ({last(centre.SITE_INFO.name)})"
    by = ", ".join(("study", "site", *more))
    return (
        f"max by ({by}) ({expr}) * on (study, site) group_left (name, city) {info} unless on (study, site) ({sites_in('closed')})"
    )


def new_since(name: str, ago: str, *matchers: str) -> str:
    """By how much a count of each site grew since `ago`; one that did not exist then counts from 0."""
    selector = f"{name}{{{','.join(matchers)}}}"
    now, then = (f"sum by (study, site) (last_over_time({selector}[{LAST_KNOWN}]{offset}))" for offset in ("", f" offset {ago}"))
    return f"(({now} - {then}) > 0) or ({now} > 0 unless on (study, site) {then})"


def threshold(name: str) -> str:
    """The study file's threshold of that name."""
    selector = last(centre.ALERT_THRESHOLD.name, f'threshold="{name}"')
    return f"max by (study) ({selector})"


def high_share(metric: str, part: str, per: str, limit: str) -> str:
    """Per cent of each site's published patients in cell `part`, per `per`, where it is over `limit` and of enough patients."""
    by = f"sum by (study, site, {per})"
    whole = f"{by} ({last(metric)})"
    share = f"100 * {by} ({last(metric, part)}) / {whole}"
    enough = f"{whole} >= on (study) group_left () {threshold('least_patients')}"
    return f"(round({share}) > on (study) group_left () {threshold(limit)}) and on (study, site, {per}) ({enough})"
