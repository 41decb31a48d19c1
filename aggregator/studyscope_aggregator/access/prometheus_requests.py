"""Requests to Prometheus as their asker may make them: only known parameters, every selector held."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from studyscope_aggregator.access.held_query import QueryHolder
from studyscope_aggregator.access.query_text import QueryRefused

FORM = "application/x-www-form-urlencoded"
MATCH = "match[]"
LONGEST_FORM = 200_000
"""Bytes of a form."""

_MOMENTS = ("time", "start", "end", "step", "timeout", "limit", "lookback_delta")
_VALUE = re.compile(r"[0-9A-Za-z.:+-]{1,40}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")

Form = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Question:
    """What is sent to Prometheus, as a form in a POST or as the query of a GET."""

    method: str
    path: str
    form: Form


def form_of(query_string: str, body: bytes, content_type: str) -> Form:
    """All parameters of a request; raises QueryRefused for what two readers could read differently."""
    if body and content_type.partition(";")[0].strip().lower() != FORM:
        raise QueryRefused(f"send the query as {FORM}, or in the address")
    if len(body) + len(query_string) > LONGEST_FORM:
        raise QueryRefused(f"the request is longer than {LONGEST_FORM} bytes")
    try:
        texts = (query_string, body.decode("ascii"))
        return [pair for text in texts for pair in parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=200)]
    except ValueError:
        raise QueryRefused("the parameters are not written as a form in UTF-8") from None


def question(path: str, form: Form, holder: QueryHolder, *, unheld: bool) -> Question:
    """The request for an API path such as `query` or `label/site/values`; raises QueryRefused.

    `unheld`: the asker sees everything, and queries go as they are.
    """
    kept = _moments(form)
    if path in {"query", "query_range"}:
        text = _one(form, "query")
        return Question("POST", path, [("query", text if unheld else holder.query(text)), *kept])
    matches = [value for name, value in form if name == MATCH]
    held = matches if unheld else ([holder.selector(one) for one in matches] or holder.everything())
    if path == "series":
        if not matches:
            raise QueryRefused("say which series: match[]=study_patients")
        return Question("POST", path, [*((MATCH, one) for one in held), *kept])
    if path == "labels":
        return Question("POST", path, [*((MATCH, one) for one in held), *kept])
    label = re.fullmatch(r"label/([^/]*)/values", path)
    if label is not None and _LABEL.fullmatch(label[1]):
        return Question("GET", path, [*((MATCH, one) for one in held), *kept])
    if path in {"metadata", "status/buildinfo"}:
        return Question("GET", path, [])
    raise QueryRefused(f"/api/v1/{path} is not open here; open are {', '.join(OPEN)}")


OPEN = ("query", "query_range", "series", "labels", "label/NAME/values", "metadata", "status/buildinfo")
"""Everything that can be asked."""


def _one(form: Form, name: str) -> str:
    values = [value for key, value in form if key == name]
    if len(values) != 1:
        raise QueryRefused(f"say {name} once")
    return values[0]


def _moments(form: Form) -> Iterable[tuple[str, str]]:
    """Times and limits; each once and plain. What is not known is left out."""
    kept = []
    for name in _MOMENTS:
        values = [value for key, value in form if key == name and value]
        if len(values) > 1 or not all(_VALUE.fullmatch(value) for value in values):
            raise QueryRefused(f"say {name} once, as a number, a time or a duration")
        kept += [(name, value) for value in values]
    return kept
