"""The Report: the one type that crosses the hospital wall.

A report says, for one site, one study and one grid point, everything that the site shows: the
policy in force, the site's facts and its protected tables. Every grid point has one, also when
nothing moved. It holds no time finer than the grid.

    ReportProblem        bytes are not a valid signed report
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import from_json

from studyscope_contract.canonical import serialised
from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.names import Slug
from studyscope_contract.shown_table import LEAST_PROTECTED, Cell, PolicyStatement, ProtectedTable, Sha256, ShownUnit
from studyscope_contract.site_facts import Offer, SiteFacts, SourceKind, TableName
from studyscope_contract.yaml_file import Frozen

__all__ = [
    "LEAST_PROTECTED",
    "MAX_BYTES",
    "MEDIA_TYPE",
    "SCHEMA_VERSION",
    "Activity",
    "Cell",
    "Offer",
    "PolicyStatement",
    "ProtectedTable",
    "Report",
    "ReportProblem",
    "Sha256",
    "ShownUnit",
    "SignedReport",
    "SiteFacts",
    "SourceKind",
    "TableName",
]

SCHEMA_VERSION = 1
MAX_BYTES = 1024 * 1024
MEDIA_TYPE = "application/vnd.studyscope.report+json"

Activity = Literal["active", "paused", "frozen", "withdrawn"]
"""What a person at the site, or lost state, made of the study there; never what the data say."""


class Report(Frozen):
    """Everything one site shows of one study at one grid point."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    study: Slug
    site: Slug
    sequence: int = Field(ge=1, description="one more than the site's report before, whatever its study file says")
    grid_point: int = Field(ge=0, description="number of the grid point that the report is of; its window ends there")
    activity: Activity = "active"
    policy: PolicyStatement
    facts: SiteFacts
    tables: tuple[ProtectedTable, ...] = Field(default=(), max_length=2048)
    content: Sha256 = Field(description="hash of policy, facts and tables: equal when nothing moved")

    @model_validator(mode="after")
    def _exact_numbers_are_those_of_the_policy(self) -> Self:
        if any((table.unit == "reported") != (table.table in self.policy.reported) for table in self.tables):
            raise ValueError("a table's unit is not what the policy says of it")
        return self

    @model_validator(mode="after")
    def _content_is_what_it_says(self) -> Self:
        if self.content != self._said.hash:
            raise ValueError("content is not the hash of policy, facts and tables")
        names = [(table.table, table.per) for table in self.tables]
        if len(set(names)) != len(names):
            raise ValueError("a table appears twice")
        if self.activity == "withdrawn" and self.tables:
            raise ValueError("a site that has left the study shows no table")
        return self

    @staticmethod
    def hash_of(policy: PolicyStatement, facts: SiteFacts, tables: Sequence[ProtectedTable]) -> str:
        return _Content.of(policy, facts, tables).hash

    def canonical(self) -> bytes:
        said = self._said
        first = f'{{"activity":"{self.activity}","content":"{self.content}","facts":{said.facts},"grid_point":{self.grid_point},'
        more = f'"policy":{said.policy},"schema":{self.schema_version},"sequence":{self.sequence},'
        return f'{first}{more}"site":"{self.site}","study":"{self.study}","tables":{said.tables}}}'.encode("ascii")

    @cached_property
    def _said(self) -> _Content:
        return _Content.of(self.policy, self.facts, self.tables)


@dataclass(frozen=True)
class _Content:
    """The three parts of a report that its hash is of, each as canonical JSON."""

    facts: str
    policy: str
    tables: str

    @classmethod
    def of(cls, policy: PolicyStatement, facts: SiteFacts, tables: Sequence[ProtectedTable]) -> Self:
        return cls(_form_of(facts), _policy_form(policy), _TABLES.dump_json(tuple(tables)).decode("ascii"))

    @cached_property
    def hash(self) -> str:
        content = f'{{"facts":{self.facts},"policy":{self.policy},"tables":{self.tables}}}'
        return hashlib.sha256(content.encode("ascii")).hexdigest()


def _form_of(part: Frozen) -> str:
    return serialised(part.model_dump(mode="json")).decode("ascii")


@lru_cache(maxsize=1000)
def _policy_form(policy: PolicyStatement) -> str:
    """Written once: a site's policy is the same for months."""
    return _form_of(policy)


_TABLES = TypeAdapter(tuple[ProtectedTable, ...])
"""Writes tables in canonical form: no spaces, fields in their order, and texts that are closed and need no escape."""


class ReportProblem(Exception):
    """Bytes are not a valid signed report; `reason` is a code for counting, the message is for people."""

    def __init__(self, reason: Literal["too_large", "not_json", "newer_schema", "schema", "not_canonical"], message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SignedReport(Frozen):
    """A report, the fingerprint of the key that signed it, and the signature over its canonical bytes."""

    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{4}(-[0-9a-f]{4}){3}$")]
    report: Report
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]

    @classmethod
    def sign(cls, report: Report, key: SigningKey) -> Self:
        signature = base64.b64encode(key.sign(report.canonical())).decode()
        return cls(key=key.public.fingerprint, report=report, signature=signature)

    def is_signed_by(self, key: VerifyingKey) -> bool:
        return key.verifies(base64.b64decode(self.signature), self.report.canonical())

    @staticmethod
    def signed_part(raw: bytes) -> bytes:
        """The canonical bytes of the report inside `raw`, which `from_bytes` has accepted; what was signed."""
        return raw[raw.index(b'"report":') + len(b'"report":') : raw.rindex(b',"signature":')]

    def to_bytes(self) -> bytes:
        """What is sent, kept and fetched."""
        parts = (self.key.encode("ascii"), self.report.canonical(), self.signature.encode("ascii"))
        return b'{"key":"%b","report":%b,"signature":"%b"}' % parts

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The signed report in `raw`; raises ReportProblem. Only canonical bytes are accepted."""
        signed = cls._in_order(raw)
        return signed if signed is not None and signed.to_bytes() == raw else cls._looked_at_closely(raw)

    @classmethod
    def _in_order(cls, raw: bytes) -> Self | None:
        """The report without a look at anything else, as nearly every one is in order; None where one needs that look."""
        try:
            return cls.model_validate_json(raw) if len(raw) <= MAX_BYTES else None
        except ValidationError:
            return None

    @classmethod
    def _looked_at_closely(cls, raw: bytes) -> Self:
        content = _parsed(raw)
        inner = content.get("report")
        version = inner.get("schema") if isinstance(inner, dict) else None
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise ReportProblem(
                "newer_schema",
                f"the report has schema {version}, this centre reads up to {SCHEMA_VERSION}: update the centre first",
            )
        try:
            signed = cls.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            # An unknown key is its sender's text: it is not repeated, only the place that it was found in.
            place = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
            raise ReportProblem("schema", f"{'.'.join(str(part) for part in place)[:120]}: {first['msg']}") from None
        if signed.to_bytes() != raw:
            raise ReportProblem("not_canonical", "the report is not in canonical form; send the bytes as the exporter wrote them")
        return signed


def _parsed(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_BYTES:
        raise ReportProblem("too_large", f"a report may hold at most {MAX_BYTES} bytes")
    try:
        content = from_json(raw)
    except (ValueError, RecursionError):
        raise ReportProblem("not_json", "the body is not JSON") from None
    if not isinstance(content, dict):
        raise ReportProblem("not_json", "the body is not a JSON object")
    return content
