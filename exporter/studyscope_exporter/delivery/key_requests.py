"""Requests to have a key accepted that the centre fetches, and what it answered.

The folder of one study holds for a key with the fingerprint F
    F.request    asked for by a person here; given to the centre at each visit until it has decided
    F.answer     what the centre said of the key last
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from studyscope_contract.enrolment import EnrolmentAnswer, EnrolmentRequest
from studyscope_exporter.delivery.whole_file import write_whole


class KeyRequests:
    """What one study's centre is asked about keys of this site; nothing is here before a person asked."""

    def __init__(self, state: Path, study: str) -> None:
        self._folder = state / "studies" / study / "key-requests"

    def put(self, request: EnrolmentRequest) -> None:
        """Keeps the request for the centre's next visit."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._folder / f"{request.verifying.fingerprint}.request", request.to_bytes())

    def waiting(self) -> list[bytes]:
        """The requests on which nobody has decided, as they were signed."""
        return [path.read_bytes() for path in sorted(self._folder.glob("*.request"))]

    def answered(self, answer: EnrolmentAnswer) -> bool:
        """Keeps the centre's word; False where nobody here asked about such a key."""
        request = self._folder / f"{answer.fingerprint}.request"
        if not request.exists():
            return False
        write_whole(self._folder / f"{answer.fingerprint}.answer", answer.model_dump_json().encode())
        if answer.state != "waiting":
            request.unlink()
        return True

    def answer(self, fingerprint: str) -> EnrolmentAnswer | None:
        """What the centre said of this key last, None where it was not here since."""
        try:
            return EnrolmentAnswer.model_validate_json((self._folder / f"{fingerprint}.answer").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
