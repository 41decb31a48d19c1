"""A site's change from one signing key to the next, vouched for by the old key where that can still be trusted."""

from __future__ import annotations

import datetime as dt
from typing import Any, Self

from pydantic import model_validator

from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.names import Slug, Text
from studyscope_contract.statement import PublicKey, Signature, is_signed, signed
from studyscope_contract.yaml_file import Frozen

KIND = "key change"


class KeyChange(Frozen):
    """`new` follows `old` at `site`.

    The old key signs it. A key that was stolen or lost cannot: then `because` says why there is no
    signature, and a person at the centre has to be sure of the new key by other means.
    """

    site: Slug
    old: PublicKey
    new: PublicKey
    made: dt.date
    because: Text | None = None
    signature: Signature | None = None

    @model_validator(mode="after")
    def _says_why_it_is_not_signed(self) -> Self:
        if (self.signature is None) != (self.because is not None):
            raise ValueError("a change of keys is either signed by the old key or says why it is not")
        return self

    @classmethod
    def vouched(cls, site: str, old: SigningKey, new: VerifyingKey, made: dt.date) -> Self:
        content = {"site": site, "old": old.public.text, "new": new.text, "made": made.isoformat()}
        return cls.model_validate({**content, "signature": signed(KIND, content, old)})

    @classmethod
    def without_old(cls, site: str, old: VerifyingKey, new: VerifyingKey, made: dt.date, because: str) -> Self:
        return cls(site=site, old=old.text, new=new.text, made=made, because=because)

    @property
    def is_vouched(self) -> bool:
        """Whether the old key signed exactly this."""
        if self.signature is None:
            return False
        content: dict[str, Any] = self.model_dump(mode="json", include={"site", "old", "new", "made"})
        return is_signed(KIND, content, self.signature, VerifyingKey(self.old))
