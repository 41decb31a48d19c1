"""Files of the registry as they were parsed: what an act did not change is not parsed again.

With 1,000 sites the registry takes seconds to parse, and it is read again at every act while sites wait for receipts.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from studyscope_contract.yaml_file import FileProblem, Problem, parse_yaml

Model = TypeVar("Model", bound=BaseModel)


def bytes_of(path: Path) -> bytes:
    """Raises FileProblem."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileProblem(path, [Problem(0, "", f"cannot be read: {error.strerror}")]) from None


class ParsedFiles:
    """The last content of each file, by its hash, or what is wrong with it; what is given out is frozen and may be shared."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[bytes, BaseModel | FileProblem]] = {}

    def read(self, path: Path, model: type[Model]) -> Model:
        """The file at `path` as a `model`; the same object as before where its bytes are the same. Raises FileProblem."""
        raw = bytes_of(path)
        digest = hashlib.sha256(raw).digest()
        before = self._kept.get(path)
        if before is not None and before[0] == digest:
            if isinstance(before[1], model):
                return before[1]
            if isinstance(before[1], FileProblem):
                raise FileProblem(path, before[1].problems)
        try:
            parsed = parse_yaml(raw, path, model)
        except FileProblem as problem:
            self._kept[path] = digest, problem
            raise
        self._kept[path] = digest, parsed
        return parsed

    def forget_all_but(self, paths: set[Path]) -> None:
        """Files that are gone are not kept."""
        self._kept = {path: kept for path, kept in self._kept.items() if path in paths}
