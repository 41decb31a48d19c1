"""Paths at rest: sealed with ChaCha20-Poly1305 (RFC 8439), found again by keyed hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from studyscope_exporter.inventory.errors import WrongInventoryKey

KEY_BYTES = 32
_NONCE_BYTES = 12


class Seal:
    """Seals and opens texts, and gives keyed hashes, each purpose under its own key derived from `key`."""

    def __init__(self, key: bytes, random: Callable[[int], bytes]) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"an inventory key has {KEY_BYTES} bytes, this one {len(key)}")
        self._cipher = ChaCha20Poly1305(_derived(key, b"seal"))
        self._key_of_paths = _derived(key, b"path")
        self._key_of_digests = _derived(key, b"digest")
        self._random = random

    def close(self, text: bytes, place: bytes) -> bytes:
        """`text` sealed for `place`; opened anywhere else it is refused."""
        nonce = self._random(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """The text that was sealed for `place`; WrongInventoryKey when key, place or text differ."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
        except (InvalidTag, ValueError) as error:
            raise WrongInventoryKey from error

    def path_key(self, path: bytes) -> bytes:
        """16 bytes that are the same for the same path."""
        return hashlib.blake2b(path, digest_size=16, key=self._key_of_paths).digest()

    def digest(self, *parts: bytes) -> bytes:
        """16 bytes that are the same for the same parts."""
        digest = hashlib.blake2b(digest_size=16, key=self._key_of_digests)
        for part in parts:
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        return digest.digest()


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(digest_size=KEY_BYTES, key=key, person=purpose).digest()
