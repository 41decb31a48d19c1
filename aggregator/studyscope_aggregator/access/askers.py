"""Who asks: a machine with a token of ours, or a person whose identity Grafana forwards."""

from __future__ import annotations

from collections.abc import Mapping

from studyscope_aggregator.access.identity_tokens import IdentityTokens, TokenRefused
from studyscope_aggregator.access.role import Grant
from studyscope_aggregator.access.role_of_claims import grant_of
from studyscope_aggregator.access.tokens import PREFIX, AccessTokens
from studyscope_aggregator.clock import Clock
from studyscope_aggregator.settings import OpenIdSettings

ID_TOKEN = "x-id-token"  # noqa: S105 - a header's name; Grafana forwards the identity token in it
BEARER = "bearer"
"""The name of the scheme; small and capital letters are the same in it (RFC 9110, 11.1)."""


class Askers:
    """Tells who asks from a request's headers; `identity` is None where no identity provider is set."""

    def __init__(
        self, tokens: AccessTokens, clock: Clock, identity: IdentityTokens | None = None, openid: OpenIdSettings | None = None
    ) -> None:
        self._tokens, self._clock, self._identity, self._openid = tokens, clock, identity, openid

    async def grant(self, headers: Mapping[str, str]) -> Grant:
        """Raises TokenRefused, NoRole, IdentityProviderDown, FileProblem."""
        authorization = headers.get("authorization", "")
        scheme, _, credentials = authorization.partition(" ")
        bearer = credentials.strip() if scheme.lower() == BEARER else ""
        if bearer.startswith(f"{PREFIX}_"):
            grant = self._tokens.grant(bearer, self._clock.now().date())
            if grant is None:
                raise TokenRefused("this token is unknown, revoked or expired: ask the coordinator for another")
            return grant
        identity = headers.get(ID_TOKEN) or bearer
        if not identity:
            raise TokenRefused("nobody is logged in: log in to Grafana, or send a token as Authorization: Bearer …")
        if self._identity is None or self._openid is None:
            raise TokenRefused("this centre knows no identity provider: say it in the centre file under access, openid")
        return grant_of(await self._identity.claims(identity), self._openid)
