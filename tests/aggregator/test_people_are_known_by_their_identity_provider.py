"""Tokens of a real issuer, signed by keys that it changes, judged as the guarded way to Prometheus judges them."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from oidc_issuer import CLIENT, Issuer, IssuerKey, issuer
from studyscope_aggregator.access.askers import Askers
from studyscope_aggregator.access.identity_tokens import IdentityTokens, TokenRefused
from studyscope_aggregator.access.role import Grant
from studyscope_aggregator.access.role_of_claims import NoRole
from studyscope_aggregator.access.signing_keys import IdentityProviderDown, SigningKeys
from studyscope_aggregator.access.tokens import AccessTokens
from studyscope_aggregator.settings import OpenIdSettings

PEOPLE = {
    "anna": ["studyscope-coordinator", "studyscope-site-lyon"],
    "bert": ["studyscope-lead-liver", "staff", "studyscope-lead-lung"],
    "carla": ["/studyscope-site-berlin"],
    "dora": ["staff"],
    "emil": ["studyscope-site-", "studyscope-site-ber*", "studyscope-site-berlin-x!", "Xstudyscope-coordinator"],
}


class MovingClock:
    def __init__(self) -> None:
        self.ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


@pytest.fixture
def provider() -> Iterator[Issuer]:
    with issuer(PEOPLE) as running:
        yield running


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


class Asking:
    """Asks with one set of fetched keys, as a running centre does."""

    def __init__(self, provider: Issuer, clock: MovingClock, tmp: Any, **settings: str) -> None:
        self._client = httpx.AsyncClient(trust_env=False)
        openid = OpenIdSettings(issuer=provider.url, **settings)
        identity = IdentityTokens(provider.url, CLIENT, SigningKeys(provider.url, self._client, clock), clock)
        self._askers = Askers(AccessTokens(tmp), clock, identity, openid)
        self._loop = asyncio.new_event_loop()

    def grant(self, token: str, header: str = "X-ID-Token") -> Grant:
        value = token if header == "X-ID-Token" else f"Bearer {token}"
        return self._loop.run_until_complete(self._askers.grant(httpx.Headers({header: value})))

    def close(self) -> None:
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()


@pytest.fixture
def asking(provider: Issuer, clock: MovingClock, tmp_path: Any) -> Iterator[Asking]:
    made = Asking(provider, clock, tmp_path)
    yield made
    made.close()


def test_groups_give_the_role_that_sees_most(provider: Issuer, asking: Asking) -> None:
    assert asking.grant(provider.token("anna")) == Grant("coordinator", who="anna")
    assert asking.grant(provider.token("bert")) == Grant("lead", studies=frozenset({"liver", "lung"}), who="bert")
    assert asking.grant(provider.token("carla"), "Authorization") == Grant("site", sites=frozenset({"berlin"}), who="carla")


@pytest.mark.parametrize("who", ["dora", "emil"])
def test_somebody_without_a_group_is_told_which_groups_there_are(provider: Issuer, asking: Asking, who: str) -> None:
    with pytest.raises(NoRole, match=r"studyscope-lead-\{study\}"):
        asking.grant(provider.token(who))


def test_roles_may_stand_deeper_in_the_token(provider: Issuer, clock: MovingClock, tmp_path: Any) -> None:
    asking = Asking(provider, clock, tmp_path, claim="realm_access.roles", coordinator="boss")
    token = provider.token("dora", realm_access={"roles": ["boss"]})
    assert asking.grant(token).role == "coordinator"
    asking.close()


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"aud": "another-program"}, "is not for studyscope"),
        ({"aud": None}, "lacks the claim aud"),
        ({"iss": "https://id.elsewhere.example"}, "is not from"),
        ({"exp": int(time.time()) - 60}, "has expired"),
        ({"exp": None}, "lacks the claim exp"),
        ({"exp": True, "nbf": "soon"}, "times are no numbers"),
        ({"nbf": int(time.time()) + 3600}, "not valid yet"),
        ({"sub": None}, "lacks the claim sub"),
    ],
)
def test_a_token_that_is_not_for_us_or_not_for_now_is_refused(
    provider: Issuer, asking: Asking, claims: dict[str, Any], words: str
) -> None:
    with pytest.raises(TokenRefused, match=words):
        asking.grant(provider.token("anna", **claims))


def test_a_forged_token_is_refused(provider: Issuer, asking: Asking) -> None:
    genuine = provider.token("carla")
    head, body, signature = genuine.split(".")
    content = json.loads(base64.urlsafe_b64decode(body + "==")) | {"groups": ["studyscope-coordinator"]}
    other = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
    public = provider.keys[0].private.public_key()
    pem = public.public_bytes(*_pem())
    forged = [
        f"{head}.{other}.{signature}",
        provider.token("anna", IssuerKey.rsa("first")),
        provider.token("anna", IssuerKey.elliptic("first")),
        jwt.encode(content, key="", algorithm="none", headers={"kid": "first"}),
        _shared_secret(content, pem, "first"),
        _shared_secret(content, b"\x00\x00\x00", "shared"),
        "a.b.c",
        "",
    ]
    for token in forged:
        with pytest.raises(TokenRefused):
            asking.grant(token)
    assert asking.grant(genuine).role == "site"


def _pem() -> tuple[Any, Any]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return Encoding.PEM, PublicFormat.SubjectPublicKeyInfo


def _shared_secret(content: dict[str, Any], secret: bytes, kid: str) -> str:
    """A token whose signature takes our public key for a shared secret, made by hand because PyJWT refuses to."""
    import hashlib
    import hmac

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    signed = part(json.dumps({"alg": "HS256", "kid": kid}).encode()) + "." + part(json.dumps(content).encode())
    return f"{signed}.{part(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def test_a_new_key_is_followed_at_once_and_an_old_one_is_forgotten(provider: Issuer, asking: Asking, clock: MovingClock) -> None:
    first = provider.keys[0]
    assert asking.grant(provider.token("anna")).role == "coordinator"
    clock.ahead = dt.timedelta(seconds=25)
    provider.keys = [IssuerKey.elliptic("second")]

    assert asking.grant(provider.token("anna")).role == "coordinator"
    with pytest.raises(TokenRefused, match="does not have"):
        asking.grant(provider.token("anna", first))


def test_made_up_keys_do_not_make_us_ask_the_provider_again_and_again(provider: Issuer, asking: Asking) -> None:
    for number in range(20):
        with pytest.raises(TokenRefused):
            asking.grant(provider.token("anna", IssuerKey.elliptic(f"made-up-{number}")))

    assert provider.asked_for_keys == 1


def test_a_provider_that_is_down_for_a_while_locks_nobody_out(provider: Issuer, asking: Asking, clock: MovingClock) -> None:
    asking.grant(provider.token("anna"))
    provider.down = True
    clock.ahead = dt.timedelta(hours=1)
    assert asking.grant(provider.token("anna", exp=int(time.time()) + 7200)).role == "coordinator"
    clock.ahead = dt.timedelta(hours=8)
    with pytest.raises(IdentityProviderDown, match=r"openid-configuration.*503"):
        asking.grant(provider.token("anna", exp=int(time.time()) + 90000))


def test_a_provider_that_never_answered_is_not_asked_at_every_request(
    provider: Issuer, asking: Asking, clock: MovingClock
) -> None:
    token, provider.down = provider.token("anna"), True
    for words in ("503", "a moment ago"):
        with pytest.raises(IdentityProviderDown, match=words):
            asking.grant(token)
    provider.down, clock.ahead = False, dt.timedelta(seconds=25)
    assert asking.grant(token).role == "coordinator"


def test_a_provider_that_names_another_issuer_is_not_believed(provider: Issuer, asking: Asking) -> None:
    address, provider.url = provider.url, "https://id.elsewhere.example"
    with pytest.raises(IdentityProviderDown, match="names another issuer"):
        asking.grant(jwt.encode({"sub": "x"}, provider.keys[0].private, "RS256", headers={"kid": "first"}))
    provider.url = address
