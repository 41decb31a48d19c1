"""A small real OpenID Connect issuer: discovery, authorization code with PKCE, tokens signed by keys that can be changed.

It has no log-in page: `&login=NAME` at the authorization endpoint is who logs in.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from local_server import Answer, Asked, as_json, served

CLIENT, SECRET = "studyscope", "between-us"


@dataclass(frozen=True)
class IssuerKey:
    """A key pair that signs tokens."""

    kid: str
    algorithm: str
    private: Any

    @classmethod
    def rsa(cls, kid: str) -> IssuerKey:
        return cls(kid, "RS256", rsa.generate_private_key(65537, 2048))

    @classmethod
    def elliptic(cls, kid: str) -> IssuerKey:
        return cls(kid, "ES256", ec.generate_private_key(ec.SECP256R1()))

    @property
    def public(self) -> dict[str, Any]:
        writer = RSAAlgorithm if self.algorithm == "RS256" else ECAlgorithm
        return writer.to_jwk(self.private.public_key(), as_dict=True) | {"kid": self.kid, "use": "sig", "alg": self.algorithm}


@dataclass
class Issuer:
    """A running issuer; `people` maps a log-in name to its groups."""

    people: Mapping[str, list[str]]
    keys: list[IssuerKey] = field(default_factory=lambda: [IssuerKey.rsa("first")])
    url: str = ""
    down: bool = False
    lifetime: int = 300
    asked_for_keys: int = 0
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refreshes: dict[str, str] = field(default_factory=dict)

    def token(self, who: str, key: IssuerKey | None = None, **claims: Any) -> str:
        """An identity token of the person; `claims` replace its own, None takes one out."""
        signing, now = key or self.keys[-1], int(time.time())
        own = {"iss": self.url, "aud": CLIENT, "sub": f"id-of-{who}", "iat": now, "exp": now + self.lifetime}
        own |= {"preferred_username": who, "name": who.title(), "email": f"{who}@id.example", "groups": self.people.get(who, [])}
        content = {name: value for name, value in (own | claims).items() if value is not None}
        return jwt.encode(content, signing.private, signing.algorithm, headers={"kid": signing.kid})

    def answer(self, asked: Asked) -> Answer:
        if self.down:
            return Answer(b"down", 503)
        routes = {
            "/.well-known/openid-configuration": self._document,
            "/keys": self._keys,
            "/authorize": self._authorize,
            "/token": self._token,
            "/userinfo": self._userinfo,
            "/logout": lambda _: Answer(b"logged out"),
        }
        route = routes.get(asked.path)
        return route(asked) if route else Answer(b"", 404)

    def _document(self, _: Asked) -> Answer:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "userinfo_endpoint": "userinfo"}
        places |= {"jwks_uri": "keys", "end_session_endpoint": "logout"}
        return as_json({"issuer": self.url, **{name: f"{self.url}/{path}" for name, path in places.items()}})

    def _keys(self, _: Asked) -> Answer:
        self.asked_for_keys += 1
        shared = {"kty": "oct", "k": "AAAA", "kid": "shared", "alg": "HS256", "use": "sig"}
        return as_json({"keys": [*(key.public for key in self.keys), shared]})

    def _authorize(self, asked: Asked) -> Answer:
        code = secrets.token_urlsafe(16)
        self.codes[code] = {name: asked.param(name) for name in ("login", "nonce", "code_challenge", "redirect_uri")}
        back = urlencode({"code": code, "state": asked.param("state")})
        return Answer(b"", 302, {"Location": f"{asked.param('redirect_uri')}?{back}"})

    def _token(self, asked: Asked) -> Answer:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET) and not self._basic(asked):
            return as_json({"error": "invalid_client"}, 401)
        if form.get("grant_type") == "refresh_token":
            who = self.refreshes.get(form.get("refresh_token", ""))
            return self._tokens(who, "") if who else as_json({"error": "invalid_grant"}, 400)
        given = self.codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if given is None or given["redirect_uri"] != form.get("redirect_uri") or given["code_challenge"] != challenge:
            return as_json({"error": "invalid_grant"}, 400)
        return self._tokens(given["login"], given["nonce"])

    def _basic(self, asked: Asked) -> bool:
        wanted = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        return {name.lower(): value for name, value in asked.headers.items()}.get("authorization") == f"Basic {wanted}"

    def _tokens(self, who: str, nonce: str) -> Answer:
        refresh = secrets.token_urlsafe(16)
        self.refreshes[refresh] = who
        content = {"access_token": f"opaque-{who}", "id_token": self.token(who, nonce=nonce or None), "token_type": "Bearer"}
        return as_json(content | {"expires_in": self.lifetime, "refresh_token": refresh, "scope": "openid"})

    def _userinfo(self, asked: Asked) -> Answer:
        headers = {name.lower(): value for name, value in asked.headers.items()}
        who = headers.get("authorization", "").removeprefix("Bearer opaque-")
        content = {"sub": f"id-of-{who}", "preferred_username": who, "email": f"{who}@id.example", "name": who.title()}
        return as_json(content | {"groups": self.people.get(who, [])})


@contextmanager
def issuer(people: Mapping[str, list[str]]) -> Iterator[Issuer]:
    """Runs on a free port of the loopback while inside."""
    made = Issuer(people)
    with served(made.answer) as server:
        made.url = server.url
        yield made
