"""Ways to log in to a server, as settings of the site file and as httpx does them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Annotated, Literal, Self

import httpx
from pydantic import Field, model_validator

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.servers.secret import Secret, SecretProblem


class BasicLogin(Strict):
    """A user name and a password with every request (RFC 7617)."""

    by: Literal["basic"]
    user: str = Field(min_length=1, max_length=200)
    password: Secret


class TokenLogin(Strict):
    """A token with every request (RFC 6750)."""

    by: Literal["token"]
    token: Secret


class FormLogin(Strict):
    """A user name and a password once, for a token that lives for some time; how Airflow 3 wants it."""

    by: Literal["login"]
    user: str = Field(min_length=1, max_length=200)
    password: Secret
    path: str = Field(default="/auth/token", pattern=r"^/", description="where the token is asked for, below `url`")


class OidcLogin(Strict):
    """A token of an OpenID Connect provider (a Keycloak), asked for again when it is too old.

    With `user` the resource owner's password (RFC 6749 4.3), as of Kaapana's system user; without, the
    client's own credentials (4.4).
    """

    by: Literal["oidc"]
    token_url: str = Field(
        pattern=r"^https?://[^\s@?#]+$",
        description="as https://kaapana.hospital.example/auth/realms/kaapana/protocol/openid-connect/token",
    )
    client: str = Field(min_length=1, max_length=200)
    secret: Secret | None = Field(default=None, description="of the client; none for a public one")
    user: str = Field(default="", max_length=200)
    password: Secret | None = None

    @model_validator(mode="after")
    def _is_one_of_two_grants(self) -> Self:
        if bool(self.user) != (self.password is not None):
            raise ValueError("`user` and `password` belong together; leave both out for the client's own credentials")
        if not self.user and self.secret is None:
            raise ValueError("name `secret` of the client, or `user` and `password`")
        return self

    def form(self) -> dict[str, str]:
        """What is posted for a token; raises SecretProblem."""
        form = {"client_id": self.client, "grant_type": "password" if self.user else "client_credentials", "scope": "openid"}
        if self.secret is not None:
            form["client_secret"] = self.secret.read()
        if self.password is not None:
            form |= {"username": self.user, "password": self.password.read()}
        return form


AnyLogin = BasicLogin | TokenLogin | FormLogin | OidcLogin
Login = Annotated[AnyLogin, Field(discriminator="by")]


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class _LoginFirst(httpx.Auth):
    """Asks for a token before the first request, and once more where the server says that it is too old."""

    requires_response_body = True

    def __init__(self, asked: Callable[[], httpx.Request], *, too_old: frozenset[int] = frozenset({401})) -> None:
        """`asked` makes the request for a token; `too_old` are answers that say that another one is wanted."""
        self._asked, self._too_old = asked, too_old
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        fresh = not self._token
        if fresh:
            yield from self._log_in()
        answer = yield self._signed(request)
        if answer.status_code in self._too_old and not fresh:
            yield from self._log_in()
            yield self._signed(request)

    def _signed(self, request: httpx.Request) -> httpx.Request:
        if self._token:  # else the server says itself that it wants a login
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _log_in(self) -> Generator[httpx.Request, httpx.Response, None]:
        answer = yield self._asked()
        try:
            token = answer.json()["access_token"] if answer.is_success else ""
        except (ValueError, KeyError, TypeError):
            token = ""
        self._token = token if isinstance(token, str) else ""


def opened_login(login: AnyLogin | None, url: str) -> httpx.Auth | None:
    """What httpx needs, with the secrets read now; raises SecretProblem."""
    match login:
        case None:
            return None
        case BasicLogin():
            return httpx.BasicAuth(login.user, login.password.read())
        case TokenLogin():
            token = login.token.read()
            if not token.isascii() or any(blank in token for blank in " \r\n\t"):
                raise SecretProblem("the token has blanks or letters that no token has; put the token there and nothing else")
            return _Bearer(token)
        case FormLogin():
            who = {"username": login.user, "password": login.password.read()}
            return _LoginFirst(lambda: httpx.Request("POST", url + login.path, json=who))
        case OidcLogin():
            form = login.form()
            # A front door before the servers sends those whose token is too old to its login page.
            too_old = frozenset({401, 302})
            return _LoginFirst(lambda: httpx.Request("POST", login.token_url, data=form), too_old=too_old)
