"""A signed report survives the wire byte for byte, and nothing else is one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from studyscope_contract.canonical import canonical_bytes
from studyscope_contract.keys import SigningKey
from studyscope_contract.policy import Policy
from studyscope_contract.report import (
    MAX_BYTES,
    Cell,
    PolicyStatement,
    ProtectedTable,
    Report,
    ReportProblem,
    SignedReport,
    SiteFacts,
)

KEY = SigningKey.generate()


def a_report(sequence: int = 1, value: int = 20) -> Report:
    policy, facts = PolicyStatement.of(Policy()), SiteFacts(release="0.1.0", study_version=1)
    tables = (ProtectedTable(table="sex", version=1, released=20_000, cells=(Cell(codes=("F",), value=value),)),)
    content = Report.hash_of(policy, facts, tables)
    return Report(
        study="liver",
        site="berlin",
        sequence=sequence,
        grid_point=20_001,
        policy=policy,
        facts=facts,
        tables=tables,
        content=content,
    )


def test_a_signed_report_comes_back_from_its_bytes() -> None:
    signed = SignedReport.sign(a_report(), KEY)

    again = SignedReport.from_bytes(signed.to_bytes())

    assert again == signed
    assert again.is_signed_by(KEY.public)


def test_the_same_content_has_the_same_hash_whatever_its_sequence() -> None:
    assert a_report(1).content == a_report(2).content
    assert a_report(1).content != a_report(1, value=30).content


def test_a_signature_by_another_key_is_recognised() -> None:
    assert not SignedReport.sign(a_report(), KEY).is_signed_by(SigningKey.generate().public)


@given(position=st.integers(0, 900), bit=st.integers(0, 7))
def test_a_flipped_bit_never_passes(position: int, bit: int) -> None:
    raw = bytearray(SignedReport.sign(a_report(), KEY).to_bytes())
    raw[position % len(raw)] ^= 1 << bit

    try:
        passed = SignedReport.from_bytes(bytes(raw)).is_signed_by(KEY.public)
        named_key_is_ours = SignedReport.from_bytes(bytes(raw)).key == KEY.public.fingerprint
    except ReportProblem:
        return

    assert not (passed and named_key_is_ours)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_json"),
        (b"[]", "not_json"),
        (b"{" * 50_000, "not_json"),
        (b'{"a": NaN}', "schema"),
        (b"\xff\xfe", "not_json"),
        (b" " * (MAX_BYTES + 1), "too_large"),
        (b'{"report":{"schema":2}}', "newer_schema"),
        (b'{"report":{"schema":1}}', "schema"),
    ],
)
def test_what_is_no_report_is_refused_with_a_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(ReportProblem) as caught:
        SignedReport.from_bytes(raw)

    assert caught.value.reason == reason


def test_other_bytes_of_the_same_content_are_refused() -> None:
    content = json.loads(SignedReport.sign(a_report(), KEY).to_bytes())

    with pytest.raises(ReportProblem) as caught:
        SignedReport.from_bytes(json.dumps(content, indent=1).encode())

    assert caught.value.reason == "not_canonical"


def test_a_field_that_the_schema_does_not_know_is_refused() -> None:
    content = json.loads(SignedReport.sign(a_report(), KEY).to_bytes())
    content["report"]["patient"] = "Doe^John"

    with pytest.raises(ReportProblem) as caught:
        SignedReport.from_bytes(canonical_bytes(content))

    assert caught.value.reason == "schema"
    assert "Doe" not in str(caught.value)


def test_a_content_hash_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValidationError, match="content is not the hash"):
        Report.model_validate(a_report().model_dump() | {"content": "0" * 64})


def test_a_float_has_no_canonical_bytes() -> None:
    with pytest.raises(TypeError, match="a float cannot be signed"):
        canonical_bytes({"a": [1.5]})
