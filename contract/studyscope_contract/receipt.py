"""The receipt: the centre's signed word that it holds a report.

ReceiptProblem       an answer is no receipt for what was sent
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field, ValidationError

from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.names import Slug
from studyscope_contract.report import Sha256
from studyscope_contract.statement import Fingerprint, Signature, is_signed, signed, statement_line
from studyscope_contract.yaml_file import Frozen

KIND = "receipt"


class ReceiptProblem(Exception):
    """An answer is not a receipt for the report that was sent; the message says what is wrong and what to do."""


class SignedReceipt(Frozen):
    """What the centre says of one report that it holds; the same report always gets the same receipt."""

    study: Slug
    site: Slug
    sequence: int = Field(ge=1)
    grid_point: int = Field(ge=0)
    sha256: Sha256 = Field(description="of the bytes that were sent")
    accepted_at: dt.datetime
    key: Fingerprint | None = Field(default=None, description="of the centre's key; absent while the centre has none")
    signature: Signature | None = None

    @property
    def _statement(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"key", "signature"})

    def signed_with(self, key: SigningKey) -> Self:
        return self.model_copy(
            update={"key": key.public.fingerprint, "signature": signed(KIND, self._statement, key)},
        )

    def is_signed_by(self, key: VerifyingKey) -> bool:
        return self.signature is not None and is_signed(KIND, self._statement, self.signature, key)

    def to_bytes(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()

    @staticmethod
    def printed(
        study: str, site: str, sequence: int, grid_point: int, sha256: str, accepted_at: dt.datetime, key: SigningKey | None
    ) -> bytes:
        """The bytes of the receipt that says this, signed where there is a `key`: the same as of the model.

        Names and hashes are of closed forms, so that nothing in them needs an escape.
        """
        moment = accepted_at.isoformat().replace("+00:00", "Z")
        signature = ""
        if key is not None:
            said = (
                f'{{"accepted_at":"{moment}","grid_point":{grid_point},"sequence":{sequence},"sha256":"{sha256}",'
                f'"site":"{site}","study":"{study}"}}'
            )
            signed_by = base64.b64encode(key.sign(statement_line(KIND) + said.encode())).decode()
            signature = f',"key":"{key.public.fingerprint}","signature":"{signed_by}"'
        return (
            f'{{"study":"{study}","site":"{site}","sequence":{sequence},"grid_point":{grid_point},"sha256":"{sha256}",'
            f'"accepted_at":"{moment}"{signature}}}'
        ).encode()

    @classmethod
    def for_report(cls, answer: bytes, sent: bytes, keys: Sequence[VerifyingKey]) -> Self:
        """The receipt in `answer` for the report `sent`; raises ReceiptProblem.

        With `keys` it must be signed by one of them; without, only its content is looked at.
        """
        try:
            receipt = cls.model_validate_json(answer)
        except ValidationError:
            raise ReceiptProblem(
                "the answer is no receipt: something between this machine and the centre answers in its place"
            ) from None
        if receipt.sha256 != hashlib.sha256(sent).hexdigest():
            raise ReceiptProblem("the receipt is for other bytes than were sent: something on the way alters reports")
        if keys and not any(receipt.is_signed_by(key) for key in keys):
            known = ", ".join(key.fingerprint for key in keys)
            raise ReceiptProblem(
                f"the receipt is not signed by the centre's key ({known}), but by {receipt.key or 'nobody'}: "
                "call the coordinator and compare `keys` under `centre` in the site file with the centre's key"
            )
        return receipt
