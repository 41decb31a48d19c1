"""Ways in which a file can be damaged, or made to harm; a seed gives the same damage each time."""

from __future__ import annotations

import random
from collections.abc import Callable

Mutation = Callable[[bytearray, random.Random], None]
_LARGE = (0xFF, 0x7F, 0x80, 0x00, 0xFE)
_WORDS = (
    b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"\r", b'"', b"'", b";", b"\\ud800", b"\\u0000",
    b"=cmd|' /C calc'!A0", b"../../../../etc/passwd", b"[" * 3000, b'{"a":' * 2000, b"," * 5000, b"\n" * 300, "\U0001f600".encode(),
)  # fmt: skip


def mutated(sound: bytes, seed: str, *, text: bool) -> bytes:
    """One to six damages."""
    chance, raw = random.Random(seed), bytearray(sound)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        chance.choice(_OF_TEXT if text else _OF_BYTES)(raw, chance)
        if not raw:
            break
    return bytes(raw)


def _cut(raw: bytearray, chance: random.Random) -> None:
    del raw[chance.randrange(len(raw)) :]


def _flip(raw: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 8, 64))):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)


def _extreme(raw: bytearray, chance: random.Random) -> None:
    """Lengths and counts that are much too large, or none."""
    at, width = chance.randrange(len(raw)), chance.choice((1, 2, 4, 8))
    raw[at : at + width] = bytes([chance.choice(_LARGE)]) * width


def _drop(raw: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(raw))
    del raw[at : at + chance.choice((1, 2, 8, 100))]


def _repeat(raw: bytearray, chance: random.Random) -> None:
    at, size = chance.randrange(len(raw)), chance.choice((1, 8, 200, 4000))
    raw[at:at] = raw[at : at + size] * chance.choice((1, 2, 30))


def _move(raw: bytearray, chance: random.Random) -> None:
    at, size = chance.randrange(len(raw)), chance.choice((2, 16, 400))
    piece = bytes(raw[at : at + size])
    del raw[at : at + size]
    to = chance.randrange(len(raw) + 1)
    raw[to:to] = piece


def _blank(raw: bytearray, chance: random.Random) -> None:
    at, size = chance.randrange(len(raw)), chance.choice((4, 32, 1000))
    raw[at : at + size] = bytes(len(raw[at : at + size]))


def _insert(raw: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(raw) + 1)
    raw[at:at] = chance.choice(_WORDS)


def _other_encoding(raw: bytearray, chance: random.Random) -> None:
    raw[:] = raw.decode("utf-8", "replace").encode(chance.choice(("utf-16", "utf-16-be", "utf-32", "cp500")), "replace")


_OF_BYTES: tuple[Mutation, ...] = (_cut, _flip, _flip, _extreme, _extreme, _drop, _repeat, _move, _blank)
_OF_TEXT: tuple[Mutation, ...] = (_cut, _flip, _drop, _repeat, _move, _insert, _insert, _insert, _other_encoding)
