"""The centre prints receipts without the model; sites read them with it, and check the signature of what it says."""

from __future__ import annotations

import datetime as dt

import pytest

from studyscope_contract.keys import SigningKey
from studyscope_contract.receipt import SignedReceipt

KEY = SigningKey.generate()
MOMENTS = (
    dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC),
    dt.datetime(2026, 6, 1, 12, 0, 0, 120, tzinfo=dt.UTC),
    dt.datetime(2026, 6, 1, 12, 0, 59, 999_999, tzinfo=dt.UTC),
)


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
@pytest.mark.parametrize("key", [KEY, None], ids=["signed", "unsigned"])
def test_a_printed_receipt_is_byte_for_byte_that_of_the_model(moment: dt.datetime, key: SigningKey | None) -> None:
    model = SignedReceipt(study="liver", site="berlin-2", sequence=7, grid_point=20605, sha256="ab" * 32, accepted_at=moment)

    printed = SignedReceipt.printed("liver", "berlin-2", 7, 20605, "ab" * 32, moment, key)

    assert printed == (model.signed_with(key) if key else model).to_bytes()
    assert key is None or SignedReceipt.model_validate_json(printed).is_signed_by(key.public)
