"""The file in which every attacked history is one line, so that a run that is killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Numbers = Mapping[str, float]


@dataclass
class Sums:
    """Everything found in the histories of one row, added up."""

    seeds: set[int] = field(default_factory=set)
    seconds: float = 0.0
    numbers: dict[str, float] = field(default_factory=dict)

    def add(self, seed: int, seconds: float, numbers: Numbers) -> None:
        self.seeds.add(seed)
        self.seconds += seconds
        for name, number in numbers.items():
            self.numbers[name] = self.numbers.get(name, 0) + number

    @property
    def histories(self) -> int:
        return len(self.seeds)

    def __getitem__(self, name: str) -> float:
        return self.numbers.get(name, 0)


@dataclass(frozen=True)
class Record:
    """One JSON line per history. Lines made by other code (another `code` hash) are kept and not counted."""

    path: Path
    code: str

    def read(self) -> tuple[dict[str, Sums], int]:
        """What each row has so far, and how many lines other code made. A last line that was torn is cut off."""
        sums, other = dict[str, Sums](), 0
        raw = self.path.read_bytes() if self.path.exists() else b""
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):
            os.truncate(self.path, len(whole))
        for line in whole.splitlines():
            one = json.loads(line)
            if one["code"] != self.code:
                other += 1
            elif one["seed"] not in sums.setdefault(one["row"], Sums()).seeds:
                sums[one["row"]].add(one["seed"], one["seconds"], one["numbers"])
        return sums, other

    def append(self, row: str, seed: int, seconds: float, numbers: Numbers) -> None:
        line = {"row": row, "seed": seed, "seconds": round(seconds, 3), "numbers": dict(numbers), "code": self.code}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def code_hash(files: Iterable[Path]) -> str:
    """Names the code that protects and the code that attacks: numbers of different code are never added."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
