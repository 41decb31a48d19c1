"""The public keys with which an identity provider signs, fetched from it and followed when it changes them.

IdentityProviderDown   the provider cannot be asked, and what was known of it is too old
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

import httpx
import jwt

from studyscope_aggregator.clock import Clock

log = logging.getLogger(__name__)

ASKED_AGAIN_AFTER = dt.timedelta(minutes=10)
"""So long a key that the provider took back is still believed."""
ASKED_FOR_A_NEW_KEY_AFTER = dt.timedelta(seconds=20)
"""An unknown key makes us ask at once, but not more often: anybody can name unknown keys."""
BELIEVED = dt.timedelta(hours=6)
"""So long we go on without the provider."""
PATIENCE_SECONDS = 10.0

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Never `none`, never a shared secret."""


class IdentityProviderDown(Exception):
    """The identity provider gives no keys; the message says what was asked."""


class SigningKeys:
    """Keys of one issuer by their `kid`; belongs to one event loop."""

    def __init__(self, issuer: str, client: httpx.AsyncClient, clock: Clock) -> None:
        self._issuer, self._client, self._clock = issuer.rstrip("/"), client, clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched: dt.datetime | None = None
        self._tried: dt.datetime | None = None

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """The key of that name; None when the provider has none. Raises IdentityProviderDown."""
        now = self._clock.now()
        if self._wants_to_ask(kid, now):
            self._tried = now
            await self._ask(now)
        return self._keys.get(kid)

    async def document(self) -> Mapping[str, Any]:
        """The discovery document (OpenID Connect Discovery 1.0, 4.2); raises IdentityProviderDown."""
        address = f"{self._issuer}/.well-known/openid-configuration"
        document = await self._json(address)
        if str(document.get("issuer", "")).rstrip("/") != self._issuer:
            raise IdentityProviderDown(f"{address} names another issuer: {document.get('issuer')}")
        return document

    def _wants_to_ask(self, kid: str, now: dt.datetime) -> bool:
        if self._tried is not None and now - self._tried < ASKED_FOR_A_NEW_KEY_AFTER:
            if self._fetched is None:
                raise IdentityProviderDown(f"{self._issuer} gave no keys a moment ago")
            return False
        return self._fetched is None or kid not in self._keys or now - self._fetched > ASKED_AGAIN_AFTER

    async def _ask(self, now: dt.datetime) -> None:
        try:
            document = await self.document()
            found = await self._json(str(document.get("jwks_uri", "")))
        except IdentityProviderDown as problem:
            if self._fetched is None or now - self._fetched > BELIEVED:
                raise
            log.warning("keys of %s are %s old: %s", self._issuer, now - self._fetched, problem)
            return
        self._keys = {kid: key for one in found.get("keys", []) if (kid := one.get("kid")) and (key := _usable(one))}
        self._fetched = now

    async def _json(self, address: str) -> Mapping[str, Any]:
        try:
            content = (await self._client.get(address, timeout=PATIENCE_SECONDS)).raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
            raise IdentityProviderDown(f"{address}: {problem}") from None
        if not isinstance(content, dict):
            raise IdentityProviderDown(f"{address}: no JSON object")
        return content


def _usable(content: Mapping[str, Any]) -> jwt.PyJWK | None:
    """The key, when it is a public one that signs; others stand in the same list."""
    if content.get("use", "sig") != "sig" or content.get("kty") == "oct":
        return None
    try:
        key = jwt.PyJWK(dict(content))
    except jwt.PyJWTError:
        return None
    return key if key.algorithm_name in ASYMMETRIC else None
