"""One object of a QIDO-RS answer in the DICOM JSON model (PS3.18 F.2), as the header of a file would say it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Self

from studyscope_exporter.dicom.tags import WANTED
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

NUMBER_OF_INSTANCES = "00201209"  # NumberOfSeriesRelatedInstances
_TAGS = {keyword: f"{tag:08X}" for keyword, tag, _ in WANTED}
_OF_INSTANCES = ("SOPInstanceUID", "SOPClassUID", "SpecificCharacterSet")
ASKED_FOR = tuple(tag for keyword, tag in _TAGS.items() if keyword not in _OF_INSTANCES)
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_RETRIEVE_URL = "00081190"  # says through which address we asked, nothing of the series


class Attributes:
    """What a server says of a series or an instance; values as text, like `dicom.header.Header`."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._said = said

    @classmethod
    def parse(cls, said: object) -> Self:
        """Raises Unreadable where it is no object of attributes."""
        if not isinstance(said, dict):
            raise Unreadable(Reason.MALFORMED)
        return cls({tag.upper(): element for tag, element in said.items()})

    def text(self, keyword: str) -> str | None:
        """Values joined by backslashes; "" when empty, None when the server does not have the attribute."""
        element = self._said.get(_TAGS[keyword])
        if not isinstance(element, Mapping):
            return None
        values = element.get("Value")
        return "\\".join(map(_text, values)).rstrip("\0 ") if isinstance(values, list) else ""

    def uid(self, keyword: str) -> str:
        """A UID that can stand in an address; raises Unreadable."""
        uid = (self.text(keyword) or "").strip()
        if not _UID.fullmatch(uid):
            raise Unreadable(Reason.NO_IDENTITY)
        return uid

    @property
    def instances(self) -> int | None:
        """How many instances the series has, where the server says it."""
        element = self._said.get(NUMBER_OF_INSTANCES)
        values = element.get("Value") if isinstance(element, Mapping) else None
        try:
            number = int(values[0]) if isinstance(values, list) and values else None
        except (TypeError, ValueError):
            return None
        return number if number is not None and 0 < number < 10**7 else None

    def completed_by(self, other: Attributes) -> Attributes:
        """With what only `other` has."""
        return Attributes({**other._said, **self._said})

    @property
    def digest(self) -> str:
        """Changes whenever the server says anything else of it, the number of instances too."""
        said = {tag: element for tag, element in self._said.items() if tag != _RETRIEVE_URL}
        return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=8).hexdigest()


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return value if isinstance(value, str) else f"{value:.12g}" if isinstance(value, float) else str(value)
