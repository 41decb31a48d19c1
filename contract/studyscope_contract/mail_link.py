"""Links in a mail to one person: signed by the centre, for one purpose, valid for some weeks.

LinkProblem          a link or the file of the secret cannot be used; `over` says that the link was right once
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import os
import secrets
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Literal, Self

from pydantic import TypeAdapter, ValidationError

from studyscope_contract.names import Slug

LINKS_PATH = "links"
"""Below the centre's address."""

Purpose = Literal["mails", "downtime"]
"""mails: which mails this person gets; downtime: until when a site is planned to be down."""

Role = Literal["coordinator", "lead", "site_it"]

_SECRET_BYTES = 32
_MAC_BYTES = 16


class LinkProblem(Exception):
    """The message says what the reader can do."""

    def __init__(self, message: str, *, over: bool = False) -> None:
        super().__init__(message)
        self.over = over


@dataclass(frozen=True)
class LinkSecret:
    """What only the centre knows, so that nobody else can make a link; its repr does not show it."""

    _key: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        return cls(secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The secret in a file of 64 hexadecimal digits; refuses a file that others can read. Raises LinkProblem."""
        try:
            mode, text = path.stat().st_mode, path.read_text(encoding="ascii").strip()
            key = bytes.fromhex(text)
        except OSError as error:
            raise LinkProblem(f"{path}: cannot read the secret of the mail links: {error.strerror}") from None
        except ValueError:
            key = b""
        if len(key) != _SECRET_BYTES:
            raise LinkProblem(f"{path}: must hold 64 hexadecimal digits; make them with: openssl rand -hex 32")
        if mode & 0o007:
            raise LinkProblem(f"{path}: everybody can read this secret; run: chmod o= {path}")
        return cls(key)

    def save(self, path: Path) -> None:
        """Writes a new file, readable by its owner only; never overwrites one."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{self._key.hex()}\n")

    def person(self, address: str) -> str:
        """How links and choices name who has a mail address, without the address: 16 hexadecimal digits."""
        return self.mac(b"person", address.strip().lower())[:8].hex()

    def mac(self, domain: bytes, text: str) -> bytes:
        """16 bytes (HMAC-SHA256, cut)."""
        return hmac.new(self._key, domain + b"\0" + text.encode(), hashlib.sha256).digest()[:_MAC_BYTES]


@dataclass(frozen=True)
class MailLink:
    """What a link lets its reader do. Neither the address nor the name of the person is in it."""

    purpose: Purpose
    role: Role
    study: str  # "" for the mails about the centre itself
    site: str  # of site_it only
    person: str
    until: dt.date  # the last day

    def text(self, secret: LinkSecret) -> str:
        """The last part of the address."""
        body = ".".join(str(part) for part in astuple(self))
        return f"{body}.{base64.urlsafe_b64encode(secret.mac(b'link', body)).decode().rstrip('=')}"

    @classmethod
    def read(cls, text: str, secret: LinkSecret, today: dt.date) -> Self:
        """The link of this text; raises LinkProblem for one that the centre did not make or that is over."""
        body, _, mac = text.rpartition(".")
        if len(text) > 300 or not hmac.compare_digest(_decoded(mac), secret.mac(b"link", body)):
            raise LinkProblem("This is no link of this centre. Open it from the mail again, or copy the whole of it.")
        try:
            link = cls(*_PARTS.validate_python(tuple(body.split("."))))
        except ValidationError:
            raise LinkProblem("This link was made by another release. Use the one in your newest mail.", over=True) from None
        if today > link.until:
            raise LinkProblem(f"This link ended on {link.until}. Use the one in your newest mail.", over=True)
        return link


_PARTS: TypeAdapter[tuple[Purpose, Role, Slug | Literal[""], Slug | Literal[""], str, dt.date]] = TypeAdapter(
    tuple[Purpose, Role, Slug | Literal[""], Slug | Literal[""], str, dt.date]
)


def _decoded(mac: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(mac.encode() + b"=" * (-len(mac) % 4))
    except (binascii.Error, ValueError):
        return b""
