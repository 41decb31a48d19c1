"""What is said to people at the site is said in sentences."""

from __future__ import annotations

import datetime as dt

import pytest

from studyscope_exporter.waiting_words import ago, tables_waiting


def test_one_table_waits_and_two_wait() -> None:
    assert tables_waiting(1) == "1 table waits for an approver"
    assert tables_waiting(2) == "2 tables wait for an approver"


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(0.5, "just now"), (1, "1 minute ago"), (59, "59 minutes ago"), (180, "3 hours ago"), (6000, "4 days ago")],
)
def test_how_long_ago_is_as_exact_as_it_matters(minutes: float, said: str) -> None:
    assert ago(dt.timedelta(minutes=minutes)) == said
