"""Whoever calls a site reads why its reports are refused, not a code."""

from __future__ import annotations

from studyscope_aggregator.refusal import STATUS
from studyscope_dashboards.page import pages_as_read
from studyscope_dashboards.refusals import WORDS


def test_every_reason_of_the_centre_has_words_and_no_other() -> None:
    assert WORDS.keys() == STATUS.keys()
    assert len(set(WORDS.values())) == len(WORDS)


def test_both_pages_that_show_refusals_show_the_words() -> None:
    pages = pages_as_read()
    for uid in ("site", "operations"):
        (panel,) = [panel for panel in pages[uid]["panels"] if panel["title"] == "Refused reports"]
        (column,) = [one for one in panel["fieldConfig"]["overrides"] if one["matcher"]["options"] == "Reason"]
        (mappings,) = [one["value"] for one in column["properties"] if one["id"] == "mappings"]
        assert mappings[0]["options"]["unknown_key"]["text"] == WORDS["unknown_key"]
