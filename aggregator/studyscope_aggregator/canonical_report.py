"""The parts of a report that stands in canonical form, found in its bytes without parsing them.

A report names the hash of what it says. Where the bytes between the names of the canonical form have that hash, and a
report with the same hash was read and judged before, they are the same bytes: only the report's place, its activity and
its signature are new, and nothing has to be read again. What moved is read from the same parts (see tables_in_order).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar, cast

from pydantic import BaseModel, ValidationError

from studyscope_contract.canonical import serialised
from studyscope_contract.report import PolicyStatement, SiteFacts

_FORM = re.compile(
    rb'\{"key":"(?P<key>[0-9a-f]{4}(?:-[0-9a-f]{4}){3})","report":(?P<signed>\{'
    rb'"activity":"(?P<activity>active|paused|frozen)","content":"(?P<content>[0-9a-f]{64})",'
    rb'"facts":(?P<facts>\{.*?\}),"grid_point":(?P<grid_point>0|[1-9][0-9]{0,14}),'
    rb'"policy":(?P<policy>\{.*?\}),"schema":1,"sequence":(?P<sequence>[1-9][0-9]{0,14}),'
    rb'"site":"(?P<site>[a-z0-9-]{1,40})","study":"(?P<study>[a-z0-9-]{1,40})",'
    rb'"tables":(?P<tables>\[.*\])\}),"signature":"(?P<signature>[A-Za-z0-9+/]{86}==)"\}'
)

Model = TypeVar("Model", bound=BaseModel)
Lively = Literal["active", "paused", "frozen"]


@dataclass(frozen=True)
class CanonicalReport:
    """What the form of the bytes says; `content` is the true hash of `facts`, `policy` and `tables`, whatever is in them."""

    study: str
    site: str
    sequence: int
    grid_point: int
    activity: Lively
    content: str
    facts: bytes
    policy: bytes
    tables: bytes
    key: str
    signature: str
    signed_part: bytes

    @classmethod
    def of(cls, raw: bytes) -> CanonicalReport | None:
        """None for bytes of another form, and for those that do not have the hash that they name."""
        found = _FORM.fullmatch(raw)
        if found is None:
            return None
        facts, policy, tables = found.group("facts", "policy", "tables")
        content = hashlib.sha256(b'{"facts":%b,"policy":%b,"tables":%b}' % (facts, policy, tables)).hexdigest()
        if content.encode() != found["content"]:
            return None
        key, signature, study, site, activity = (
            part.decode() for part in found.group("key", "signature", "study", "site", "activity")
        )
        place = study, site, int(found["sequence"]), int(found["grid_point"])
        return cls(*place, cast("Lively", activity), content, facts, policy, tables, key, signature, found["signed"])


@lru_cache(maxsize=1000)
def policy_in(text: bytes) -> PolicyStatement | None:
    """The policy that has exactly this canonical form; read once, as a site's policy is the same for months."""
    return _in_form(PolicyStatement, text)


@lru_cache(maxsize=1000)
def facts_in(text: bytes) -> SiteFacts | None:
    """The facts that have exactly this canonical form."""
    return _in_form(SiteFacts, text)


def _in_form(model: type[Model], text: bytes) -> Model | None:
    try:
        found = model.model_validate_json(text)
    except ValidationError:
        return None
    return found if serialised(found.model_dump(mode="json")) == text else None
