"""Ways to log in to a server, as settings of the site file and as httpx does them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, Literal

import httpx
from pydantic import Field

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


Login = Annotated[BasicLogin | TokenLogin | FormLogin, Field(discriminator="by")]


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class _LoginFirst(httpx.Auth):
    """Asks for a token before the first request, and once more where the server says that it is too old."""

    requires_response_body = True

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url, self._who = url, {"username": user, "password": password}
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        fresh = not self._token
        if fresh:
            yield from self._log_in()
        answer = yield self._signed(request)
        if answer.status_code == 401 and not fresh:
            yield from self._log_in()
            yield self._signed(request)

    def _signed(self, request: httpx.Request) -> httpx.Request:
        if self._token:  # else the server says itself that it wants a login
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _log_in(self) -> Generator[httpx.Request, httpx.Response, None]:
        answer = yield httpx.Request("POST", self._url, json=self._who)
        try:
            token = answer.json()["access_token"] if answer.is_success else ""
        except (ValueError, KeyError, TypeError):
            token = ""
        self._token = token if isinstance(token, str) else ""


def opened_login(login: BasicLogin | TokenLogin | FormLogin | None, url: str) -> httpx.Auth | None:
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
            return _LoginFirst(url + login.path, login.user, login.password.read())
