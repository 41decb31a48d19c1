"""Keys that sites ask to have accepted, waiting for a person.

RequestRefused
├── NotGenuine           the request is not signed by the key that it names
├── UnknownSite          no study here names the site
└── TooManyRequests      so many keys of the site wait already
"""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

from pydantic import ValidationError

from studyscope_aggregator.registry import REQUESTS_FOLDER, Registry
from studyscope_contract.enrolment import EnrolmentAnswer, EnrolmentRequest, KeyState

log = logging.getLogger(__name__)

MOST_WAITING = 3
"""Keys of one site that may wait: anybody may ask in a site's name, so that the list stays one that people read."""

WORDS: dict[KeyState, str] = {
    "waiting": "the request waits for the coordinator: call them and compare the fingerprint",
    "accepted": "the centre takes reports that this key signs",
    "refused": "the coordinator refused this key: call them",
    "revoked": "this key was revoked: make a new one",
    "expired": "this key has expired: make a new one",
    "unknown": "the centre knows nothing of this key: send a request with enrol",
}


class RequestRefused(Exception):
    """A request is not kept; the message says why."""


class NotGenuine(RequestRefused):
    """Somebody else's key, or altered on the way."""

    def __init__(self) -> None:
        super().__init__("the request is not signed by the key that it names")


class UnknownSite(RequestRefused):
    """The site is not in the study, or the study is not here."""

    def __init__(self, study: str, site: str) -> None:
        super().__init__(f"study {study} with a site {site} is not known here: ask the coordinator to add the site to the study")


class TooManyRequests(RequestRefused):
    """The site has requests that nobody has looked at."""

    def __init__(self, site: str) -> None:
        super().__init__(f"{MOST_WAITING} keys of site {site} wait already: call the coordinator, who can refuse the wrong ones")


class EnrolmentRequests:
    """The requests in a registry folder: `<site>.<fingerprint>.json`, with the ending `.refused` once refused."""

    def __init__(self, registry: Path) -> None:
        self._folder = registry / REQUESTS_FOLDER

    def take(self, request: EnrolmentRequest, registry: Registry, today: dt.date) -> EnrolmentAnswer:
        """Keeps a request for a key that nothing is known of yet; how the key stands. Raises RequestRefused."""
        if not request.is_genuine:
            raise NotGenuine
        study = registry.study(request.study)
        if study is None or study.site(request.site) is None:
            raise UnknownSite(request.study, request.site)
        fingerprint = request.verifying.fingerprint
        if self.answer(request.site, fingerprint, registry, today).state == "unknown":
            self.add(request)
            log.warning("site %s of study %s asks to have key %s accepted: see sites", request.site, request.study, fingerprint)
        return self.answer(request.site, fingerprint, registry, today)

    def add(self, request: EnrolmentRequest) -> None:
        """Keeps the request; one that waits or was refused stays as it is. Raises TooManyRequests."""
        path = self._path(request.site, request.verifying.fingerprint)
        if path.exists() or path.with_suffix(".refused").exists():
            return
        if len(list(self._folder.glob(f"{request.site}.*.json"))) >= MOST_WAITING:
            raise TooManyRequests(request.site)
        self._folder.mkdir(exist_ok=True)
        new = path.with_suffix(".new")
        new.write_bytes(request.to_bytes())
        new.replace(path)

    def waiting(self) -> list[EnrolmentRequest]:
        """What waits, by site; a file that is no request is passed over."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found.append(EnrolmentRequest.model_validate_json(path.read_bytes()))
            except ValidationError:
                continue
        return [request for request in found if request.is_genuine]

    def one(self, site: str, fingerprint: str) -> EnrolmentRequest | None:
        found = (one for one in self.waiting() if (one.site, one.verifying.fingerprint) == (site, fingerprint))
        return next(found, None)

    def done(self, request: EnrolmentRequest) -> None:
        """The key was accepted."""
        self._path(request.site, request.verifying.fingerprint).unlink(missing_ok=True)

    def refuse(self, request: EnrolmentRequest) -> None:
        path = self._path(request.site, request.verifying.fingerprint)
        path.rename(path.with_suffix(".refused"))

    def answer(self, site: str, fingerprint: str, registry: Registry, today: dt.date) -> EnrolmentAnswer:
        """How this key of this site stands."""
        state, until = self._state(site, fingerprint, registry, today)
        return EnrolmentAnswer(site=site, fingerprint=fingerprint, state=state, valid_until=until, message=WORDS[state])

    def _state(self, site: str, fingerprint: str, registry: Registry, today: dt.date) -> tuple[KeyState, dt.date | None]:
        registered = registry.sites.get(site)
        key = registered.key(fingerprint) if registered else None
        if key is not None:
            if key.revoked is not None:
                return "revoked", None
            return ("expired" if key.valid_until < today else "accepted"), key.valid_until
        path = self._path(site, fingerprint)
        if path.exists():
            return "waiting", None
        return ("refused" if path.with_suffix(".refused").exists() else "unknown"), None

    def _path(self, site: str, fingerprint: str) -> Path:
        return self._folder / f"{site}.{fingerprint}.json"
