"""Why a site shows nothing of a table, as a column of its own: every registered site has its row."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table as table_builder

from studyscope_contract.catalogue import centre
from studyscope_contract.metric import Kind, Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import code_words, setting
from studyscope_dashboards.many_sites import BARS, at_the_end, largest, many, more, why_by_site

COLUMN, MOVED = "Shows", "Moved"

_SHOWN, _REFUSED, _NOT_APPROVED, _NO_SOURCE, _NEVER, _NOT_NAMED, _EXACT, _TAKEN_BACK = -1, -2, -3, -4, -5, -6, -7, -8
WORDS = {
    str(_SHOWN): "numbers",
    str(_REFUSED): "not offered",
    str(_NOT_APPROVED): "not approved yet",
    str(_NO_SOURCE): "no source",
    str(_NEVER): "never reported",
    str(_NOT_NAMED): "not in its tables",
    str(_EXACT): "exact numbers",
    str(_TAKEN_BACK): "all taken back",
}
_STATES = {"never_reported": _NEVER, "retracted": _TAKEN_BACK}
_OFFERS = {"refused": _REFUSED, "not_approved": _NOT_APPROVED, "no_source": _NO_SOURCE}


def status(table: Table, *matchers: str) -> str:
    """One number for each chosen site: a negative one is a word of WORDS, else nothing is shown under that many patients."""
    shown = f"0 * count by (site) ({q.of_sites(q.cell_series(table), *matchers)}) + {_SHOWN}"
    exact = f"0 * max by (site) ({q.of_sites(centre.TABLE_EXACT.name, q.named_table(table, *matchers))}) + {_EXACT}"
    offers = (f"0 * max by (site) ({_offer(table, offer)}) + {code}" for offer, code in _OFFERS.items())
    states = (f"0 * max by (site) ({q.in_state(state)}) + {code}" for state, code in _STATES.items())
    hidden = f"max by (site) ({q.of_sites(centre.SITE_THRESHOLD.name)} and {q.PER_SITE} ({_offer(table, 'offered')}))"
    not_named = f"0 * max by (site) ({q.of_sites(centre.SITE_INFO.name)}) + {_NOT_NAMED}"
    return " or on (site) ".join(f"({part})" for part in (exact, shown, *offers, *states, hidden, not_named))


def _offer(table: Table, offer: str) -> str:
    return q.of_sites(centre.SITE_TABLE.name, f'table="{table.id}"', f'offer="{offer}"') + " == 1"


def with_status(cells: str, label: str, table: Table, *matchers: str) -> str:
    """`cells` with labels site and `label`, and two more cells for each site: what it shows, and since when it is so."""
    moved = f"1000 * max by (site) ({q.of_sites(centre.TABLE_RELEASED.name, q.named_table(table, *matchers))})"
    said = ((status(table, *matchers), COLUMN), (moved, MOVED))
    return " or ".join((cells, *(f'label_replace({cell}, "{label}", "{name}", "site", ".*")' for cell, name in said)))


def rows_without(cells: str, label: str, code: str, table: Table, *matchers: str) -> str:
    """`cells` of a bar chart, and a row without a bar for each site that shows nothing, called `oslo · never reported`.

    Of many sites the largest, and rows about several: `184 smaller sites`, `12 sites · never reported`.
    """
    cell = q.of_sites(q.cell_series(table), *matchers, *(('le="+Inf"',) if table.kind is Kind.HISTOGRAM else ()))
    size = f"sum by (site) ({cell})"
    parts = [_because(f"max by (site) ({_offer(table, offer)})", WORDS[str(number)]) for offer, number in _OFFERS.items()]
    parts += [_because(f"max by (site) ({q.in_state(state)})", WORDS[str(number)]) for state, number in _STATES.items()]
    hidden = f"{q.of_sites(centre.SITE_THRESHOLD.name)} and {q.PER_SITE} ({_offer(table, 'offered')})"
    parts.append(q.as_text("why", f"max by (site) ({hidden})", text="under $1 or withheld"))
    parts.append(_because(f"max by (site) ({q.of_sites(centre.SITE_INFO.name)})", WORDS[str(_NOT_NAMED)]))
    why = f"(({' or on (site) '.join(parts)}) unless on (site) {size})"
    without = f"{why_by_site(why)} or {more(size)}"
    of_several = f"({without}) and on () {many()}"
    row = f'sum by (site, {label}) (label_replace(NaN * ({without}), "{label}", "{code}", "", ""))'
    return f"(({cells}) and on (site) {largest(size, BARS)}) or {row} or {at_the_end(of_several, label)}"


def _because(sites: str, words: str) -> str:
    return f'label_replace({sites}, "why", "{words}", "", "")'


def with_words(panel: table_builder.Panel) -> table_builder.Panel:
    """The looks of the two columns; a number of the first reads `under 15`, with the site's own threshold."""
    plain = [
        setting("custom.cellOptions", {"type": "auto"}),
        setting("custom.align", "left"),
        setting("max", None),
    ]
    words = [setting("unit", "prefix:under "), setting("mappings", code_words(WORDS)), setting("custom.width", 115), *plain]
    day = [setting("unit", "time:YYYY-MM-DD"), setting("custom.width", 92), *plain]
    return panel.override_by_name(COLUMN, words).override_by_name(MOVED, day)
