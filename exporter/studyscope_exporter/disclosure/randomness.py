"""Where thresholds and delays come from."""

from __future__ import annotations

import secrets
from typing import Protocol


class SecretRandom(Protocol):
    """Uniform secret numbers: `below(n)` is one of 0 .. n-1."""

    def below(self, n: int) -> int: ...


class SystemRandom:
    """The operating system's generator."""

    def below(self, n: int) -> int:
        return secrets.randbelow(n)
