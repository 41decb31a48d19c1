"""Ed25519 keys (RFC 8032): who signed a report, an approval or a study file.

libsodium signs and verifies: in half the time of OpenSSL, and without keeping other threads waiting. OpenSSL reads and
writes the files of keys.

KeyProblem           a key file or key text cannot be used
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import nacl.signing
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.exceptions import BadSignatureError

PREFIX = "ed25519:"


class KeyProblem(Exception):
    """A key cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class VerifyingKey:
    """A public key, written `ed25519:` and base64 of 32 bytes."""

    text: str

    @classmethod
    def parse(cls, text: str) -> VerifyingKey:
        try:
            raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if not text.startswith(PREFIX) or len(raw) != 32:
            raise KeyProblem("a public key must be 'ed25519:' followed by the base64 of 32 bytes")
        return cls(PREFIX + base64.b64encode(raw).decode())

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits in groups of four, short enough to be compared over the telephone."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:16]
        return "-".join(digest[i : i + 4] for i in range(0, 16, 4))

    def verifies(self, signature: bytes, message: bytes) -> bool:
        try:
            nacl.signing.VerifyKey(_bytes_of(self.text)).verify(message, signature)
        except (BadSignatureError, ValueError):
            return False
        return True


@lru_cache(maxsize=10_000)
def _bytes_of(text: str) -> bytes:
    return base64.b64decode(text.removeprefix(PREFIX))


@dataclass(frozen=True)
class SigningKey:
    """A private key; its repr shows only the public part."""

    _private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(Ed25519PrivateKey.generate())

    @cached_property
    def public(self) -> VerifyingKey:
        raw = self._private.public_key().public_bytes_raw()
        return VerifyingKey(PREFIX + base64.b64encode(raw).decode())

    def sign(self, message: bytes) -> bytes:
        return self._seeded.sign(message).signature

    @cached_property
    def _seeded(self) -> nacl.signing.SigningKey:
        return nacl.signing.SigningKey(self._private.private_bytes_raw())

    def save(self, path: Path, passphrase: str | None = None) -> None:
        """Writes a new PKCS#8 PEM file, readable by its owner only; never overwrites one."""
        protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            protection = serialization.BestAvailableEncryption(passphrase.encode())
        pem = self._private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def load(cls, path: Path, passphrase: str | None = None) -> SigningKey:
        """The key in the PEM file at `path`; refuses a file that others can read."""
        try:
            mode = path.stat().st_mode
            pem = path.read_bytes()
        except OSError as error:
            raise KeyProblem(f"{path}: cannot read the key: {error.strerror}") from None
        if mode & 0o077:
            raise KeyProblem(f"{path}: others can read this key; run: chmod 600 {path}")
        return cls.from_pem(pem, passphrase, str(path))

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: str | None, where: str) -> SigningKey:
        """The key in these bytes; `where` is for the message of a KeyProblem."""
        try:
            key = serialization.load_pem_private_key(pem, passphrase.encode() if passphrase else None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise KeyProblem(f"{where}: not a private key in PEM form, or the wrong passphrase") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyProblem(f"{where}: not an Ed25519 key; make one with studyscope-exporter keygen")
        return cls(key)
