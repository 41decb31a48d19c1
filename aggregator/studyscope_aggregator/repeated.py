"""Reports in which nothing moved: most of them, and told from their bytes alone.

A report names the hash of what it says. Where the bytes between the names of the canonical form have
that hash, and a report with the same hash was read and judged before, they are the same bytes: only
the report's place, its activity and its signature are new, and nothing has to be parsed again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, cast

_FORM = re.compile(
    rb'\{"key":"(?P<key>[0-9a-f]{4}(?:-[0-9a-f]{4}){3})","report":(?P<signed>\{'
    rb'"activity":"(?P<activity>active|paused|frozen)","content":"(?P<content>[0-9a-f]{64})",'
    rb'"facts":(?P<facts>\{.*?\}),"grid_point":(?P<grid_point>0|[1-9][0-9]{0,14}),'
    rb'"policy":(?P<policy>\{.*?\}),"schema":1,"sequence":(?P<sequence>[1-9][0-9]{0,14}),'
    rb'"site":"(?P<site>[a-z0-9-]{1,40})","study":"(?P<study>[a-z0-9-]{1,40})",'
    rb'"tables":(?P<tables>\[.*\])\}),"signature":"(?P<signature>[A-Za-z0-9+/]{86}==)"\}'
)

Lively = Literal["active", "paused", "frozen"]


@dataclass(frozen=True)
class Repeatable:
    """What the form of the bytes says; `content` is the true hash of what is in them, whatever that is."""

    study: str
    site: str
    sequence: int
    grid_point: int
    activity: Lively
    content: str
    key: str
    signature: str
    signed_part: bytes

    @classmethod
    def of(cls, raw: bytes) -> Repeatable | None:
        """None for bytes of another form, and for those that do not have the hash that they name."""
        found = _FORM.fullmatch(raw)
        if found is None:
            return None
        said = b'{"facts":%b,"policy":%b,"tables":%b}' % found.group("facts", "policy", "tables")
        content = hashlib.sha256(said).hexdigest()
        if content.encode() != found["content"]:
            return None
        key, signature, study, site, activity = (
            part.decode() for part in found.group("key", "signature", "study", "site", "activity")
        )
        sequence, grid_point = int(found["sequence"]), int(found["grid_point"])
        return cls(study, site, sequence, grid_point, cast("Lively", activity), content, key, signature, found["signed"])
