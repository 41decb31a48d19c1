"""Why a file gave nothing: a closed list, so that no text of a file reaches a log or a label."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a file is not counted."""

    NOT_DICOM = "not DICOM"
    DIRECTORY = "DICOMDIR"
    TRUNCATED = "truncated"
    NO_PERMISSION = "no permission"
    VANISHED = "vanished"
    NO_IDENTITY = "no identity"  # an empty SOP, series or study instance UID
    NO_PATIENT = "no patient ID"
    TOO_LARGE = "header too large"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"  # valid, but of a kind this program does not read
    IO_ERROR = "read error"


class Unreadable(Exception):
    """A file gives no record; `reason` says why, and the message holds nothing of the file."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason

    def __reduce__(self) -> tuple[type[Unreadable], tuple[Reason]]:
        return Unreadable, (self.reason,)
