"""Log-in of people at the centre's own page: authorization code with PKCE (RFC 7636) at their identity provider.

LoginRefused         this log-in does not go on; the message tells the person what to do
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt

from studyscope_aggregator.access.identity_tokens import IdentityTokens, TokenRefused
from studyscope_aggregator.access.role import Grant
from studyscope_aggregator.access.role_of_claims import grant_of
from studyscope_aggregator.access.signing_keys import SigningKeys
from studyscope_aggregator.clock import Clock
from studyscope_aggregator.settings import OpenIdSettings

SESSION = dt.timedelta(hours=8)
"""So long a role that was taken away at the identity provider is still held on the page."""
ON_THE_WAY = dt.timedelta(minutes=10)
"""So long somebody may take at the identity provider."""
BACK = "/login/back"


class LoginRefused(Exception):
    """The log-in cannot be finished."""


@dataclass(frozen=True)
class Started:
    """Where the browser goes, and what it brings back in a cookie."""

    address: str
    cookie: str


@dataclass(frozen=True)
class LoggedIn:
    """Who came back, the session's cookie, and the page that they wanted."""

    grant: Grant
    cookie: str
    wanted: str


class PageLogin:
    """Sessions are cookies that we signed: several aggregators share them, and nothing is stored."""

    def __init__(
        self, settings: OpenIdSettings, secret: str, base_url: str, keys: SigningKeys, client: httpx.AsyncClient, clock: Clock
    ) -> None:
        self._settings, self._secret, self._clock, self._client = settings, secret, clock, client
        self._back = base_url.rstrip("/") + BACK
        self._keys = keys
        self._identity = IdentityTokens(settings.issuer, settings.audience, keys, clock)
        self._signing = hmac.digest(secret.encode(), b"studyscope page session", "sha256")

    async def start(self, wanted: str) -> Started:
        """Begins a log-in of somebody who wanted to see the page `wanted`; raises IdentityProviderDown."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        document = await self._keys.document()
        asked = {
            "response_type": "code",
            "client_id": self._settings.audience,
            "redirect_uri": self._back,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "wanted": wanted}
        return Started(f"{document['authorization_endpoint']}?{urlencode(asked)}", self._signed("login", kept, ON_THE_WAY))

    async def finish(self, cookie: str, code: str, state: str) -> LoggedIn:
        """Raises LoginRefused, NoRole, IdentityProviderDown."""
        kept = self._read("login", cookie)
        if kept is None or not hmac.compare_digest(str(kept["state"]), state):
            raise LoginRefused("this log-in was not begun here, or it took too long: begin again")
        token = await self._exchanged(code, str(kept["verifier"]))
        try:
            claims = await self._identity.claims(token)
        except TokenRefused as problem:
            raise LoginRefused(str(problem)) from None
        if claims.get("nonce") != kept["nonce"]:
            raise LoginRefused("the identity provider answered another log-in: begin again")
        grant = grant_of(claims, self._settings)
        content = {"role": grant.role, "studies": sorted(grant.studies), "sites": sorted(grant.sites), "who": grant.who}
        return LoggedIn(grant, self._signed("session", content, SESSION), str(kept["wanted"]))

    def session(self, cookie: str) -> Grant | None:
        """Whose session it is; None for one that is over or not ours."""
        kept = self._read("session", cookie)
        if kept is None:
            return None
        return Grant(kept["role"], frozenset(kept["studies"]), frozenset(kept["sites"]), kept["who"])

    async def _exchanged(self, code: str, verifier: str) -> str:
        document = await self._keys.document()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._back, "code_verifier": verifier}
        own = {"client_id": self._settings.audience, "client_secret": self._secret}
        try:
            answer = await self._client.post(str(document.get("token_endpoint", "")), data=form | own)
            token = answer.raise_for_status().json().get("id_token")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError):
            raise LoginRefused("the identity provider did not take the log-in: begin again, or ask the coordinator") from None
        if not isinstance(token, str):
            raise LoginRefused("the identity provider gave no identity token: the coordinator must allow the scope openid")
        return token

    def _signed(self, kind: str, content: dict[str, Any], lifetime: dt.timedelta) -> str:
        end = int((self._clock.now() + lifetime).timestamp())
        return jwt.encode({"kind": kind, "until": end, "content": content}, self._signing, "HS256")

    def _read(self, kind: str, cookie: str) -> dict[str, Any] | None:
        try:
            held = jwt.decode(cookie, self._signing, algorithms=["HS256"])
        except jwt.PyJWTError:
            return None
        if held["kind"] != kind or held["until"] < self._clock.now().timestamp():
            return None
        content: dict[str, Any] = held["content"]
        return content
