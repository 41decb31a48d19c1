"""PromQL pieces: every dashboard and rule builds on these, so that a rule of the design stands in one place.

Names of series come from the catalogue. `$study` and `$site` are the dashboards' variables.
"""

from __future__ import annotations

from studyscope_contract.catalogue import centre
from studyscope_contract.metric import Kind, Table

STUDY = 'study="$study"'
SITES = 'study="$study",site=~"$site"'
PER_SITE = "on (study, site)"

HISTORY_WINDOW = "26h"
"""History holds one sample per UTC day (design.md 7); this reaches the last one from any moment of a day."""

SECONDS_PER_MONTH = 2629800

LAST_KNOWN_WINDOW = "60d"
"""How long a cumulative line carries a silent site on: an outage is no withdrawal."""


def of_study(name: str, *matchers: str) -> str:
    """The series `name` of the chosen study."""
    return f"{name}{{{','.join((STUDY, *matchers))}}}"


def of_sites(name: str, *matchers: str) -> str:
    """The series `name` of the chosen sites of the chosen study."""
    return f"{name}{{{','.join((SITES, *matchers))}}}"


def daily(name: str, *matchers: str, selected: str = SITES, ago: str = "") -> str:
    """The daily history of metric `name` at the chosen sites, at its true time; `ago` looks back from each moment.

    Days that a site's retracted reports had given are not in it.
    """
    offset = f" offset {ago}" if ago else ""
    here = f"{centre.history_name(name)}{{{','.join((selected, *matchers))}}}"
    retracted = f"{centre.history_name(centre.SITE_RETRACTED.name)}{{{selected}}}"
    return (
        f"(last_over_time({here}[{HISTORY_WINDOW}]{offset}) "
        f"unless {PER_SITE} last_over_time({retracted}[{HISTORY_WINDOW}]{offset}))"
    )


def daily_mark(name: str) -> str:
    """Days of the chosen sites that a mark in history stands for."""
    return f"last_over_time({of_sites(centre.history_name(name))}[{HISTORY_WINDOW}])"


def last_known(name: str, *matchers: str, selected: str = SITES, ago: str = "") -> str:
    """As `daily`, and where a site was silent its last day before: cumulative lines go on through an outage."""
    offset = f" offset {ago}" if ago else ""
    fresh = daily(name, *matchers, selected=selected, ago=ago)
    return f"({fresh} or last_over_time({daily(name, *matchers, selected=selected)}[{LAST_KNOWN_WINDOW}:1d]{offset}))"


def named_table(table: Table, *matchers: str) -> str:
    """A matcher of label `table` as series about tables spell it: one that exists per structure is `id:structure`."""
    own = [matcher.partition("=")[2].strip('"') for matcher in matchers if table.per and matcher.startswith(f'{table.per}="')]
    return f'table="{table.id}:{own[0]}"' if own else f'table=~"{table.id}(:.*)?"'


def last(name: str, *matchers: str, at_end: bool = False) -> str:
    """The last scraped value of a slow series at the chosen sites, also while a scrape fails.

    `at_end`: the value of the end of the time range at all of its moments, for history from before the first scrape;
    Grafana ends a range up to one step earlier than now, so the window reaches a day further.
    """
    return f"last_over_time({of_sites(name, *matchers)}[{LAST_KNOWN_WINDOW}]{' @ end() offset -1d' if at_end else ''})"


def cell_series(table: Table) -> str:
    """Name of the series that holds the table's cells."""
    return f"{table.metric}_bucket" if table.kind is Kind.HISTOGRAM else table.metric


def total(table: Table, part: str = "", kind: str = "last_known", *matchers: str) -> str:
    """The consortium's total of `table`; `part` is '', 'lower', 'upper', 'sites' or 'oldest_release_timestamp_seconds'."""
    named = {series.name: series.name for series in centre.total_series(table)}
    name = "study_consortium_" + table.metric.removeprefix("study_") + (f"_{part}" if part else "")
    return of_study(named[name], f'total="{kind}"', *matchers)


def in_state(*states: str, selected: str = SITES) -> str:
    """1 for each site that is in one of `states`, nothing for the others."""
    unknown = set(states) - set(centre.SITE_STATES)
    if unknown:
        raise ValueError(f"unknown site states {sorted(unknown)}; known: {', '.join(centre.SITE_STATES)}")
    return f'({centre.SITE_STATE.name}{{{selected},state=~"{"|".join(states)}"}} == 1)'


def as_text(label: str, vector: str, keep: str = "site", text: str = "$1") -> str:
    """Puts the value of `vector` into `label`, worded as `text` with $1 for the number; labels `keep` stay."""
    counted = f'count_values by ({keep}) ("value", {vector})'
    return f'sum by ({keep}, {label}) (label_replace({counted}, "{label}", "{text}", "value", "(.*)"))'


def or_words(vector: str, label: str, text: str) -> str:
    """`vector` with labels site and `label`, and a row that says `text` for each registered site that it lacks."""
    worded = f'label_replace({of_sites(centre.SITE_INFO.name)}, "{label}", "{text}", "site", ".*")'
    return f"{vector} or on (site) sum by (site, {label}) ({worded})"


def shown_or_why(table: Table, label: str, *matchers: str) -> str:
    """One row for every registered site: what it shows of a one-cell `table`, else why nothing is shown."""
    cell = of_sites(table.metric, *matchers)
    offer = of_sites(centre.SITE_TABLE.name, f'table="{table.id}"', 'offer!="offered"') + " == 1"
    never, taken_back = in_state("never_reported"), in_state("retracted")
    hidden = of_sites(centre.SITE_THRESHOLD.name)
    return " or on (site) ".join(
        (
            as_text(label, cell),
            f'sum by (site, {label}) (label_replace({offer}, "{label}", "$1", "offer", "(.*)"))',
            f'sum by (site, {label}) (label_replace({never}, "{label}", "has never reported", "site", ".*"))',
            f'sum by (site, {label}) (label_replace({taken_back}, "{label}", "all reports taken back", "site", ".*"))',
            as_text(label, hidden, text="under $1 or withheld"),
        )
    )


def least(table: Table) -> str:
    """The fewest patients that can stand behind what each site shows (Parameters.bounds)."""
    return f"({of_sites(table.metric)} - {PER_SITE} floor({of_sites(centre.SITE_BASE.name)} / 2))"


def most(table: Table) -> str:
    """The most patients that can stand behind what each site shows (Parameters.bounds)."""
    return f"({least(table)} + {PER_SITE} {of_sites(centre.SITE_BASE.name)} - 1)"


def share_of_target(bound: str) -> str:
    """`bound` (least or most) as whole per cent of each site's target."""
    return f"floor(100 * {bound} / {PER_SITE} {of_sites(centre.SITE_TARGET.name)})"


def target_range(table: Table, label: str) -> str:
    """Per site the share of its target as a text range such as `82 to 86 %`, because counts are rounded."""
    low = f'count_values by (site) ("low", {share_of_target(least(table))})'
    high = f'count_values by (site) ("high", {share_of_target(most(table))})'
    joined = f'label_join({low} * on (site) group_left (high) {high}, "{label}", " to ", "low", "high")'
    return f'sum by (site, {label}) (label_replace({joined}, "{label}", "$1 %", "{label}", "(.*)"))'


def moved_lately(days: int = 7) -> str:
    """Release time (seconds) of each table that moved in the site's last `days` of reports.

    Measured against the site's own last report, so that a silent site shows what it last changed.
    """
    since = f"{of_sites(centre.SITE_LAST_REPORT.name)} - {days} * 86400"
    return f"{of_sites(centre.TABLE_RELEASED.name)} > {PER_SITE} group_left () ({since})"


def key_months() -> str:
    """Whole months for which the newest key that the centre accepted of each site is still valid."""
    return f"floor(({of_sites(centre.SITE_KEY_EXPIRY.name)} - time()) / {SECONDS_PER_MONTH})"
