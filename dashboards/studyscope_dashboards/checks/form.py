"""Whether a page has the form that Grafana reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import jsonschema_rs


def form_problems(page: Mapping[str, Any]) -> Iterator[str]:
    """Where the JSON of a page is not as `dashboard.schema.json` says."""
    text = resources.files(__package__).joinpath("dashboard.schema.json").read_text(encoding="utf-8")
    validator = jsonschema_rs.validator_for(json.loads(text))
    for error in validator.iter_errors(page):
        yield f"{'/'.join(str(part) for part in error.instance_path) or 'the page'}: {error.message}"
