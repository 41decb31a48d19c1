"""Who is logged in, and how often somebody may try: in memory, so that a restart logs everybody out."""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

Now = Callable[[], dt.datetime]


@dataclass(frozen=True)
class Session:
    """`csrf` stands in every form of the session, so that no other page can send one."""

    csrf: str = field(repr=False)
    until: dt.datetime

    def allows(self, token: str) -> bool:
        return hmac.compare_digest(self.csrf.encode(), token.encode())


class Sessions:
    """Sessions by their secret token; each ends a fixed time after login."""

    def __init__(self, now: Now, length: dt.timedelta) -> None:
        self._now, self._length, self._lock = now, length, threading.Lock()
        self._open: dict[str, Session] = {}

    def start(self) -> str:
        with self._lock:
            self._open = {token: one for token, one in self._open.items() if one.until > self._now()}
            token = secrets.token_urlsafe(32)
            self._open[token] = Session(secrets.token_urlsafe(32), self._now() + self._length)
        return token

    def find(self, token: str | None) -> Session | None:
        with self._lock:
            session = self._open.get(token or "")
        return session if session is not None and session.until > self._now() else None

    def end(self, token: str | None) -> None:
        with self._lock:
            self._open.pop(token or "", None)


class Attempts:
    """So many wrong passwords in a while, from whatever address: then nobody may try until it is over."""

    def __init__(self, now: Now, most: int = 5, within: dt.timedelta = dt.timedelta(minutes=5)) -> None:
        self._now, self._most, self._within, self._lock = now, most, within, threading.Lock()
        self._times: deque[dt.datetime] = deque()

    def allowed(self) -> bool:
        """Counts the attempt; False when there were too many."""
        with self._lock:
            while self._times and self._times[0] + self._within <= self._now():
                self._times.popleft()
            if len(self._times) >= self._most:
                return False
            self._times.append(self._now())
            return True

    def forget(self) -> None:
        """After a right password."""
        with self._lock:
            self._times.clear()
