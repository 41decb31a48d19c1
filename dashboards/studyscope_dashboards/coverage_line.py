"""One line beside a total: what its cells cover, of how many sites, and when a number in it last moved."""

from __future__ import annotations

from studyscope_contract.catalogue import centre, progress
from studyscope_contract.metric import Kind, Table
from studyscope_dashboards import queries as q

LABEL = "covers"
EVERYBODY = "all patients"

_OPEN = 'le="+Inf"'


def patients_in_cells(table: Table, *matchers: str) -> str:
    """Patients in the cells of the total: their sum, the last bucket, or the fullest cell where a patient can be in several."""
    if table.kind is Kind.HISTOGRAM:
        return f"sum by (study) ({q.total(table, '', 'last_known', *matchers, _OPEN)})"
    combined = "max" if table.kind in (Kind.MULTI, Kind.NESTED) else "sum"
    return f"{combined} by (study) ({q.total(table, '', 'last_known', *matchers)})"


def sites_in_it(table: Table, *matchers: str) -> str:
    """Sites that show any cell; how many a single cell holds says less."""
    return f"count by (study) (count by (study, site) ({q.of_study(q.cell_series(table), *matchers)}))"


def last_moved(table: Table, *matchers: str) -> str:
    """Seconds since 1970, over all sites, chosen or not: it belongs to the total."""
    return f"max by (study) ({q.of_study(centre.TABLE_RELEASED.name, q.named_table(table, *matchers))})"


def coverage_line(table: Table, *matchers: str) -> str:
    """One sample whose label `covers` reads `5/8 sites · 3 d`: of these, and when one last moved."""
    moved = last_moved(table, *matchers)
    return _line(table, matchers, sites_in_it(table, *matchers), moved)


def public_coverage_line(table: Table, *matchers: str) -> str:
    """The same of totals alone, for those who may see no site: at most so many sites in a cell, and the oldest number's age."""
    sites = f"max by (study) ({q.total(table, 'sites', 'last_known', *matchers)})"
    oldest = f"min by (study) ({q.total(table, 'oldest_release_timestamp_seconds', 'last_known', *matchers)})"
    return _line(table, matchers, sites, oldest)


def _line(table: Table, matchers: tuple[str, ...], sites: str, moment: str) -> str:
    parts = {
        "sites": sites,
        "expected": f"max by (study) ({q.of_study(centre.SITES_EXPECTED.name)})",
        "days": f"floor((time() - {moment}) / 86400)",
    }
    worded = patients_in_cells(table, *matchers)
    for label, number in parts.items():
        worded += f' * on (study) group_left ({label}) count_values by (study) ("{label}", {number})'
    joined = f'label_join({worded}, "{LABEL}", " ", {", ".join(f"{chr(34)}{label}{chr(34)}" for label in parts)})'
    text = "$1/$2 sites · $3 d"
    return f'sum by ({LABEL}) (label_replace({joined}, "{LABEL}", "{text}", "{LABEL}", "(.*) (.*) (.*)"))'


def everybody() -> str:
    """All patients shown: what a breakdown is a part of."""
    return f"sum({q.total(progress.PATIENTS)})"
