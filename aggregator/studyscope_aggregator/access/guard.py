"""What guards the numbers of a running centre: who asks, and the way to Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from studyscope_aggregator.access.askers import Askers
from studyscope_aggregator.access.identity_tokens import IdentityTokens
from studyscope_aggregator.access.login import PageLogin
from studyscope_aggregator.access.prometheus_requests import FORM, Question
from studyscope_aggregator.access.signing_keys import SigningKeys
from studyscope_aggregator.access.tokens import AccessTokens
from studyscope_aggregator.clock import Clock
from studyscope_aggregator.settings import AccessSettings, CentreSettings

LONGEST_ANSWER_SECONDS = 60.0


class Prometheus:
    """The server that answers; nobody but us reaches it."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url, self._client = url.rstrip("/"), client

    async def ask(self, question: Question) -> httpx.Response:
        """Raises httpx.HTTPError."""
        address, form = f"{self._url}/api/v1/{question.path}", urlencode(question.form)
        if question.method == "GET":
            return await self._client.get(f"{address}?{form}" if form else address)
        return await self._client.post(address, content=form, headers={"Content-Type": FORM})


@dataclass(frozen=True)
class AccessGuard:
    """Made once by `create_app`, closed with it."""

    askers: Askers
    prometheus: Prometheus
    client: httpx.AsyncClient
    login: PageLogin | None = None

    async def close(self) -> None:
        await self.client.aclose()


def open_guard(settings: CentreSettings, access: AccessSettings, clock: Clock) -> AccessGuard:
    """The guard that the centre file asks for; raises FileProblem."""
    client = httpx.AsyncClient(timeout=LONGEST_ANSWER_SECONDS, trust_env=False)
    prometheus = Prometheus(access.prometheus, client)
    tokens = AccessTokens(settings.registry)
    openid = access.openid
    if openid is None:
        return AccessGuard(Askers(tokens, clock), prometheus, client)
    keys, secret = SigningKeys(openid.issuer, client, clock), openid.client_secret()
    askers = Askers(tokens, clock, IdentityTokens(openid.issuer, openid.audience, keys, clock), openid)
    login = PageLogin(openid, secret, settings.base_url, keys, client, clock) if secret else None
    return AccessGuard(askers, prometheus, client, login)
