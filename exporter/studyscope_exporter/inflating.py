"""Bounded inflating of raw deflate data (RFC 1951)."""

from __future__ import annotations

from typing import cast

from isal import igzip_lib, isal_zlib

DamagedStream = cast(type[Exception], igzip_lib.IsalError)  # isal's types call the class an instance
"""What isal raises on bytes that are no deflate or gzip stream."""


def inflated(deflated: bytes, most: int) -> bytes:
    """What raw `deflated` holds, at most `most` bytes of it; raises DamagedStream."""
    return isal_zlib.decompressobj(-15).decompress(deflated, most)
