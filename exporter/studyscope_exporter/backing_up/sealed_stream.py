"""A stream sealed under a passphrase: scrypt (RFC 7914), then pieces of 1 MiB under ChaCha20-Poly1305 (RFC 8439).

Each piece's nonce holds its number and whether it is the last, so that pieces cannot be left out,
swapped or cut off unseen (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).

BackupProblem        the file is none of ours, or damaged, or the passphrase is another one
"""

from __future__ import annotations

import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

FAMILY = b"studyscope-backup-"
MAGIC = FAMILY + b"1\n"
PIECE = 1 << 20
_SALT, _TAG = 16, 16
_COST = 1 << 15  # 32 MiB and a tenth of a second


class BackupProblem(Exception):
    """A backup cannot be made or read; the message says what to do."""


class SealedWriter:
    """Takes bytes by `write` and puts them, sealed, into `file`; `close` writes the last piece."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        salt = os.urandom(_SALT)
        self._head = MAGIC + salt
        self._cipher, self._file = ChaCha20Poly1305(_key(passphrase, salt)), file
        self._waiting, self._number = bytearray(), 0
        file.write(self._head)

    def write(self, content: bytes) -> int:
        self._waiting += content
        while len(self._waiting) > PIECE:
            self._put(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]
        return len(content)

    def close(self) -> None:
        self._put(bytes(self._waiting), last=True)

    def _put(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), piece, self._head))
        self._number += 1


class SealedReader:
    """Gives what a SealedWriter was given, by `read`; raises BackupProblem."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._head = file.read(len(MAGIC) + _SALT)
        if not self._head.startswith(FAMILY):
            raise BackupProblem("this is no backup of studyscope-exporter")
        if not self._head.startswith(MAGIC):
            raise BackupProblem("this backup was made by a newer release: install that one to read it")
        self._cipher, self._file = ChaCha20Poly1305(_key(passphrase, self._head[len(MAGIC) :])), file
        self._next, self._number, self._ready = file.read(PIECE + _TAG), 0, b""

    def read(self, size: int) -> bytes:
        while len(self._ready) < size and self._next:
            self._ready += self._piece()
        given, self._ready = self._ready[:size], self._ready[size:]
        return given

    def _piece(self) -> bytes:
        sealed, self._next = self._next, self._file.read(PIECE + _TAG)
        try:
            piece = self._cipher.decrypt(_nonce(self._number, last=not self._next), sealed, self._head)
        except InvalidTag:
            what = (
                "the passphrase is another one, or the backup is damaged"
                if self._number == 0
                else "the backup is damaged or cut off"
            )
            raise BackupProblem(f"{what}; try an older one") from None
        self._number += 1
        return piece


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase.encode())


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
