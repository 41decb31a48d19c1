"""The study file as it travels: its exact text, signed by the coordinator.

SignedStudyProblem   what came is no signed study file that this reader may accept
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError

from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.names import Slug
from studyscope_contract.statement import Fingerprint, Signature, is_signed, signed
from studyscope_contract.study import Study
from studyscope_contract.yaml_file import MAX_BYTES, Frozen, parse_yaml

KIND = "study"


class SignedStudyProblem(Exception):
    """A study file cannot be accepted; the message says why and what to do."""


class SignedStudy(Frozen):
    """One version of a study file."""

    study: Slug
    version: int = Field(ge=1)
    text: str = Field(max_length=MAX_BYTES)
    key: Fingerprint
    signature: Signature

    @classmethod
    def sign(cls, raw: bytes, path: Path, key: SigningKey) -> Self:
        """Signs the study file `raw`; `path` names it in messages. Raises FileProblem."""
        study, text = parse_yaml(raw, path, Study), raw.decode()
        signature = signed(KIND, _statement(study.id, study.version, text), key)
        return cls(study=study.id, version=study.version, text=text, key=key.public.fingerprint, signature=signature)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Raises SignedStudyProblem."""
        try:
            return cls.model_validate_json(raw)
        except ValidationError:
            raise SignedStudyProblem(
                "this is no signed study file: ask the coordinator for the one that study sign made"
            ) from None

    def to_bytes(self) -> bytes:
        return self.model_dump_json(indent=1).encode() + b"\n"

    def verified(self, keys: Sequence[VerifyingKey]) -> Study:
        """The study in it; raises SignedStudyProblem unless one of `keys` signed it, FileProblem when it cannot be read."""
        statement = _statement(self.study, self.version, self.text)
        if not any(is_signed(KIND, statement, self.signature, key) for key in keys):
            known = ", ".join(key.fingerprint for key in keys) or "none"
            raise SignedStudyProblem(
                f"version {self.version} of study {self.study} is not signed by a key that this site trusts ({known}), "
                f"but by {self.key}: compare `keys` under `centre` in the site file with the coordinator over the telephone"
            )
        study = parse_yaml(self.text.encode(), Path(f"version {self.version} of study {self.study}"), Study)
        if (study.id, study.version) != (self.study, self.version):
            raise SignedStudyProblem(f"the file says {study.id} version {study.version}, its signature something else")
        return study


def _statement(study: str, version: int, text: str) -> dict[str, Any]:
    return {"study": study, "version": version, "sha256": hashlib.sha256(text.encode()).hexdigest()}
