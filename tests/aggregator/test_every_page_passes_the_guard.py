"""What the pages ask goes through the guard for every role, with dozens of sites chosen too; what would end the program does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from studyscope_aggregator.access.held_query import LONGEST, MOST_OPERATORS, QueryHolder
from studyscope_aggregator.access.query_text import QueryRefused
from studyscope_aggregator.access.role import Scope
from studyscope_dashboards.checks.expressions import ANYTHING
from studyscope_dashboards.look.variables import filled
from studyscope_dashboards.page import pages_as_read
from studyscope_dashboards.public_organisation import PAGE as PUBLIC_PAGE

STUDIES = frozenset({"liver-multicentre"})
SCOPES = {  # a coordinator's queries go as they are
    "lead": Scope("lead", STUDIES),
    "site": Scope("site", STUDIES, frozenset({"hospital-01"})),
    "public": Scope("public", STUDIES),
}
FORTY_SITES = f"({'|'.join(f'hospital-{number:02}' for number in range(40))})"


def _queries(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        yield from (expr for name, expr in content.items() if name == "expr")
        content = list(content.values())
    if isinstance(content, list):
        for one in content:
            yield from _queries(one)


@pytest.fixture(scope="module")
def asked_by_page() -> Mapping[str, frozenset[str]]:
    return {uid: frozenset(_queries(page)) for uid, page in pages_as_read().items()}


@pytest.mark.parametrize("chosen", [".*", FORTY_SITES], ids=["all sites", "forty sites"])
@pytest.mark.parametrize("role", SCOPES)
def test_every_query_of_every_page_of_a_role_goes_through(
    asked_by_page: Mapping[str, frozenset[str]], role: str, chosen: str
) -> None:
    queries = asked_by_page[PUBLIC_PAGE] if role == "public" else frozenset().union(*asked_by_page.values())
    holder = QueryHolder(SCOPES[role])

    assert len(queries) > (5 if role == "public" else 150)
    for expr in queries:
        asked = filled(expr, {**ANYTHING, "study": "liver-multicentre", "site": chosen})
        holder.query(re.sub(r"\$\w+", "contrast-phase", asked))


@pytest.mark.parametrize(
    "query",
    [
        " or ".join(["up"] * 7_000),
        "+".join(["up"] * 7_000),
        "(" * 7_000 + "up" + ")" * 7_000,
        'up # "\n' + "+up" * 7_000 + '# "',
        "up # '\n" + "+up" * 7_000,
        'up{a="\\""}' + '+up{a="\\""}' * 7_000,
        '`"` ' + "or up " * 7_000 + '"',
        "2" + " atan2 up" * 7_000,
        "up" + " UNLESS up" * 7_000,
        "up" + " and(up)" * 7_000,
    ],
    ids=lambda query: query[:12],
)
def test_what_nests_deep_enough_to_end_the_parser_is_refused_before_it_reads_it(query: str) -> None:
    """Each is shorter than the longest that is read; a parser that ended here would take the test run with it."""
    assert len(query) < LONGEST
    with pytest.raises(QueryRefused, match=f"{MOST_OPERATORS} operators"):
        QueryHolder(SCOPES["public"]).query(query)


def test_a_query_that_is_too_long_says_what_to_do() -> None:
    with pytest.raises(QueryRefused, match="choose fewer sites"):
        QueryHolder(SCOPES["lead"]).query(f'study_patients{{site=~"{"x" * LONGEST}"}}')


def test_sites_that_are_chosen_are_no_operators() -> None:
    many = "|".join(f"a-{number}" for number in range(2 * MOST_OPERATORS))

    assert "a-3999" in QueryHolder(SCOPES["lead"]).query(f'study_patients{{site=~"{many}"}}')
