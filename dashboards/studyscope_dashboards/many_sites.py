"""Charts that stay readable in a large consortium: every site while these are few, else the largest and how many more there are.

A table scrolls and needs none of this; a chart with two hundred bars or lines says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.models import dashboard as models

from studyscope_contract.catalogue import centre
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import transformed

FEW = 16
"""So many chosen sites have a bar or a line each; with more, only BARS or LINES of them have."""
BARS, LINES = 12, 10
CHOOSE = f"With more than {FEW} sites the {BARS} with most patients here, and how many more; choose others above."
LINES_OF = f"With more than {FEW} sites the {LINES} largest; choose others above."

_ORDER = "order"


def few(*, over_time: bool = False) -> str:
    """The number of chosen sites while each of them has its place in a chart; `over_time`: at all moments as at the end."""
    return f"(count({_chosen(over_time)}) <= {FEW})"


def many(*, over_time: bool = False) -> str:
    """The number of chosen sites when only some have."""
    return f"(count({_chosen(over_time)}) > {FEW})"


def _chosen(over_time: bool) -> str:
    return q.last(centre.SITE_INFO.name, at_end=True) if over_time else q.of_sites(centre.SITE_INFO.name)


def largest(size: str, places: int, *, over_time: bool = False) -> str:
    """The sites of `size`, a number per site, that have a place in a chart: all of few, the largest of many."""
    return f"(topk({places}, {size}) or ({size} and on () {few(over_time=over_time)}))"


def least(size: str, places: int) -> str:
    """As `largest`, the other end."""
    return f"(bottomk({places}, {size}) or ({size} and on () {few()}))"


def more(size: str) -> str:
    """One sample with label site, `184 smaller sites`, when sites of `size` have no place in the chart."""
    left = f"(count({size}) - {BARS} > 0) and on () {many()}"
    return f'label_replace(count_values("number", {left}), "site", "$1 smaller sites", "number", "(.*)")'


def why_by_site(why: str) -> str:
    """Rows without a bar from `why`, a vector with labels site and why: one per site of few, one per reason of many."""
    each = f'label_join({why} and on () {few()}, "site", " · ", "site", "why")'
    counted = f'count_values by (why) ("number", count by (why) ({why}) and on () {many()})'
    worded = f'label_replace({counted}, "number", "$1 sites", "number", "([2-9]|..+)")'
    worded = f'label_replace({worded}, "number", "1 site", "number", "1")'
    return f'{each} or label_join({worded}, "site", " · ", "number", "why")'


def at_the_end(rows_of_no_site: str, label: str) -> str:
    """Cells that put rows about several sites below those of one."""
    return f'sum by (site, {label}) (label_replace(1 + 0 * ({rows_of_no_site}), "{label}", "{_ORDER}", "", ""))'


def bars_by_site(label: str, codes: Sequence[str]) -> list[models.DataTransformerConfig]:
    """One row per site and one column per value of `label`, in the order of `codes`; rows about several sites are the last."""
    matrix = transformed("groupingToMatrix", columnField=label, rowField="site", valueField="Value", emptyValue="null")
    order = {name: position for position, name in enumerate((f"site\\{label}", *codes))}
    named = transformed("organize", indexByName=order, excludeByName={}, renameByName={f"site\\{label}": "Site"})
    by_name, to_end = (transformed("sortBy", fields={}, sort=[{"field": field}]) for field in ("Site", _ORDER))
    hidden = transformed("organize", indexByName={}, excludeByName={_ORDER: True}, renameByName={})
    return [matrix, named, by_name, to_end, hidden]
