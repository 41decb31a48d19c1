"""The page's password: a file with its scrypt hash (RFC 7914), never the password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path

from studyscope_contract.yaml_file import FileProblem, Problem

_COST, _BLOCK, _LANES = 2**15, 8, 1
_MEMORY = 64 * 1024 * 1024
SHORTEST = 10


def write_password(path: Path, password: str) -> None:
    """Puts the hash of a new password in place, readable by its owner only; sessions of before end with a restart."""
    if len(password) < SHORTEST:
        raise FileProblem(path, [Problem(0, "password", f"needs at least {SHORTEST} characters; nothing was written")])
    salt = os.urandom(16)
    text = f"scrypt:{base64.b64encode(salt).decode()}:{base64.b64encode(_hashed(password, salt)).decode()}\n"
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
    temporary.replace(path)


def read_hash(path: Path) -> tuple[bytes, bytes]:
    """Salt and hash; raises FileProblem."""
    try:
        kind, salt, hashed = path.read_text(encoding="ascii").strip().split(":")
        if kind != "scrypt" or path.stat().st_mode & 0o077:
            raise ValueError
        return base64.b64decode(salt, validate=True), base64.b64decode(hashed, validate=True)
    except OSError:
        message = "is not there; run: studyscope-exporter page --set-password"
    except ValueError:
        message = "is no password file, or others can read it; run: studyscope-exporter page --set-password"
    raise FileProblem(path, [Problem(0, "password_file", message)])


def is_password(given: str, salt: bytes, hashed: bytes) -> bool:
    return hmac.compare_digest(_hashed(given, salt), hashed)


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_LANES, maxmem=_MEMORY)
