"""Tokens of an identity provider: who is it, and is it true (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import jwt
from jwt.types import Options

from studyscope_aggregator.access.signing_keys import ASYMMETRIC, SigningKeys
from studyscope_aggregator.clock import Clock

LEEWAY = dt.timedelta(seconds=30)
"""Clocks of two servers may differ by this."""


class TokenRefused(Exception):
    """The token is not believed; the message says why, without anything of the token."""


class IdentityTokens:
    """Verifies tokens of one issuer that are meant for us."""

    def __init__(self, issuer: str, audience: str, keys: SigningKeys, clock: Clock) -> None:
        self._issuer, self._audience, self._keys, self._clock = issuer, audience, keys, clock

    async def claims(self, token: str) -> Mapping[str, Any]:
        """What a genuine token says; raises TokenRefused, IdentityProviderDown."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise TokenRefused("no token that this centre knows: log in again, or ask the coordinator for a token") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ASYMMETRIC or not isinstance(kid, str):
            raise TokenRefused("the token is not signed with a named public key")
        key = await self._keys.key(kid)
        if key is None or key.algorithm_name != algorithm:
            raise TokenRefused("the token is signed with a key that the identity provider does not have")
        claims = self._signed(token, key)
        self._in_time(claims)
        return claims

    def _signed(self, token: str, key: jwt.PyJWK) -> Mapping[str, Any]:
        ours: Options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["exp", "iss", "aud", "sub"]}
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token, key, algorithms=list(ASYMMETRIC), audience=self._audience, issuer=self._issuer, options=ours
            )
        except jwt.InvalidAudienceError:
            raise TokenRefused(f"the token is not for {self._audience}: let the identity provider add it as audience") from None
        except jwt.InvalidIssuerError:
            raise TokenRefused(f"the token is not from {self._issuer}") from None
        except jwt.MissingRequiredClaimError as problem:
            raise TokenRefused(f"the token lacks the claim {problem.claim}") from None
        except jwt.PyJWTError:
            raise TokenRefused("the token's signature does not fit") from None
        return claims

    def _in_time(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        end, start = claims["exp"], claims.get("nbf", 0)
        if not isinstance(end, int | float) or not isinstance(start, int | float):
            raise TokenRefused("the token's times are no numbers")
        if now > end + LEEWAY.total_seconds():
            raise TokenRefused("the token has expired: log in again")
        if now < start - LEEWAY.total_seconds():
            raise TokenRefused("the token is not valid yet: compare the clocks of centre and identity provider")
