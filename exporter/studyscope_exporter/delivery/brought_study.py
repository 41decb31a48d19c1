"""The newest study file that the centre brought to a site which may only be fetched from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studyscope_contract.keys import VerifyingKey
from studyscope_contract.signed_study import SignedStudy, SignedStudyProblem
from studyscope_exporter.delivery.whole_file import write_whole


class BroughtStudy:
    """It lies in the state folder, in force nowhere, until a person here accepts it by `study accept`."""

    def __init__(self, state: Path, study: str) -> None:
        self._study = study
        self._file = state / "studies" / study / "brought-study.json"

    def read(self) -> SignedStudy | None:
        """None before the centre brought one; raises SignedStudyProblem for a file that was changed here."""
        try:
            return SignedStudy.from_bytes(self._file.read_bytes())
        except FileNotFoundError:
            return None

    def version(self) -> int:
        """0 before the centre brought one that can be read."""
        try:
            there = self.read()
        except SignedStudyProblem:
            return 0
        return there.version if there else 0

    def put(self, raw: bytes, keys: Sequence[VerifyingKey]) -> int:
        """Keeps a newer version that one of `keys` signed; raises SignedStudyProblem and FileProblem for anything else."""
        signed = SignedStudy.from_bytes(raw)
        signed.verified(keys)
        if signed.study != self._study:
            raise SignedStudyProblem(f"this is the file of study {signed.study}, not of {self._study}")
        if signed.version > self.version():
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._file, signed.to_bytes())
        return signed.version
