"""Every signed version of every study file: `registry/signed/<study>/<version>.json`."""

from __future__ import annotations

from pathlib import Path

from studyscope_aggregator.registry import SIGNED_FOLDER
from studyscope_contract.signed_study import SignedStudy, SignedStudyProblem


class SignedStudies:
    """The versions that the coordinator signed; none is ever changed or taken away."""

    def __init__(self, registry: Path) -> None:
        self._folder = registry / SIGNED_FOLDER

    def versions(self, study: str) -> list[int]:
        return sorted(int(path.stem) for path in (self._folder / study).glob("[0-9]*.json"))

    def newest(self, study: str) -> SignedStudy | None:
        versions = self.versions(study)
        return self.version(study, versions[-1]) if versions else None

    def version(self, study: str, version: int) -> SignedStudy:
        """Raises SignedStudyProblem, and FileNotFoundError for a version that is not there."""
        return SignedStudy.from_bytes((self._folder / study / f"{version}.json").read_bytes())

    def add(self, signed: SignedStudy) -> Path:
        """Keeps a new version; raises SignedStudyProblem unless it is newer than every one that there is."""
        before = self.versions(signed.study)
        if before and signed.version <= before[-1]:
            raise SignedStudyProblem(
                f"version {before[-1]} of study {signed.study} is signed already: a change needs version {before[-1] + 1}, "
                "because sites compare by the number"
            )
        path = self._folder / signed.study / f"{signed.version}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_bytes(signed.to_bytes())
        new.replace(path)
        return path
