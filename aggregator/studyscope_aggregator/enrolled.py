"""Keys that people accepted with `sites`: one file a site beside the study files, written by the commands only."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import yaml

from studyscope_aggregator.registered_sites import RegisteredSite, SiteKey
from studyscope_aggregator.registry import ENROLLED_FOLDER, enrolled_site
from studyscope_contract.enrolment import EnrolmentRequest


class EnrolledKeys:
    """Changes the keys of sites; every change is one file replaced, which a running centre sees within a second."""

    def __init__(self, registry: Path) -> None:
        self._folder = registry / ENROLLED_FOLDER

    def accept(self, request: EnrolmentRequest, day: dt.date, until: dt.date) -> SiteKey:
        """The key of `request` may sign from `day` to `until`; keys that the site has stay as they are."""
        key = SiteKey(key=request.key, valid_from=day, valid_until=until)
        self._put(request.site, key, day)
        return key

    def end(self, site: str, key: SiteKey, last_day: dt.date, today: dt.date) -> None:
        """`key` may sign until `last_day` and no longer."""
        until = max(min(key.valid_until, last_day), key.valid_from)
        self._put(site, key.model_copy(update={"valid_until": until}), today)

    def prolong(self, site: str, key: SiteKey, until: dt.date, today: dt.date) -> None:
        """`key` may sign until that day."""
        self._put(site, key.model_copy(update={"valid_until": until}), today)

    def revoke(self, site: str, key: SiteKey, at: dt.datetime, why: str) -> None:
        """Nothing that `key` signed is taken any more, whenever it was signed."""
        self._put(site, key.model_copy(update={"revoked": at, "revoked_why": why}), at.date())

    def _put(self, site: str, key: SiteKey, today: dt.date) -> None:
        before = enrolled_site(self._folder / f"{site}.yaml")
        others = tuple(one for one in before.keys if one.key != key.key) if before else ()
        registered = before.registered if before else today
        whole = RegisteredSite(id=site, keys=(*others, key), registered=registered)
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{site}.yaml"
        new = path.with_suffix(".new")
        text = yaml.safe_dump(whole.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
        with new.open("w", encoding="utf-8") as file:
            file.write(f"# Written by studyscope-aggregator sites; do not edit.\n{text}")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
