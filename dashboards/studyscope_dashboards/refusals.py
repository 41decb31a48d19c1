"""Why the centre refused a report, in the words of whoever calls the site about it."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as models

from studyscope_dashboards.fields import code_words, setting

WORDS = {
    "too_large": "larger than a report can be",
    "too_many": "too many at once; it waits by itself",
    "encoded": "packed in a way that the centre does not take",
    "not_json": "not readable: something on the way changed it",
    "schema": "not a report as the contract describes it",
    "not_canonical": "changed on the way, or by another program",
    "newer_schema": "the site's exporter is newer than the centre",
    "unknown_study": "names a study that the centre does not have",
    "unknown_site": "names a site that the study does not have",
    "not_member": "of a day on which the site was no member",
    "unknown_key": "signed with a key unknown here",
    "key_expired": "signed with a key that has expired",
    "key_revoked": "signed with a key that was revoked",
    "bad_signature": "the signature does not fit the content",
    "newer_study_version": "names a study version that the centre does not have yet",
    "in_future": "of a day to come: the site's clock is wrong",
    "old_sequence": "older than one that was taken: a copy, or a restored machine",
    "conflicting": "another report with the same number was taken",
    "grid_order": "of an earlier day than the one before it",
    "unknown_table": "holds a table that the study does not have",
    "unknown_code": "holds a code that its table does not have",
    "policy_floor": "its policy is weaker than the study asks for",
    "impossible_value": "holds a number that its policy cannot show",
    "too_many_series": "holds more numbers than a site may show",
}


def reason_column() -> tuple[str, list[models.DynamicConfigValue]]:
    """The override of a table column that holds the reason of a refusal."""
    return "Reason", [setting("mappings", code_words(WORDS)), setting("custom.minWidth", 190)]
