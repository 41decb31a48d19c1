"""Signed reports that wait for the centre: files, one a report, oldest first, kept until they are accepted.

The outbox of a study is a folder with
    waiting/    not yet accepted by the centre
    delivered/  accepted; kept for 90 days, so that a centre that was restored can get them again
    refused/    refused for what they are; the reason is beside them, a person has to look
    superseded/ never sent, because a recovery found that others were accepted in their place
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from studyscope_contract.keys import SigningKey
from studyscope_contract.report import SignedReport
from studyscope_exporter.delivery.whole_file import write_whole

KEPT_DELIVERED = 90


@dataclass(frozen=True)
class Waiting:
    """One report that waits."""

    sequence: int
    path: Path

    def read(self) -> bytes:
        return self.path.read_bytes()


class Outbox:
    """The outbox of one study at one site. Every step is one rename, so a kill at any moment loses nothing."""

    def __init__(self, folder: Path) -> None:
        self._waiting, self._delivered, self._refused = (folder / name for name in ("waiting", "delivered", "refused"))
        for part in (self._waiting, self._delivered, self._refused):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, report: SignedReport) -> None:
        """Adds a report; putting one again that waits or was delivered changes nothing."""
        name = _name(report.report.sequence)
        if any((part / name).exists() for part in (self._waiting, self._delivered, self._refused)):
            return
        write_whole(self._waiting / name, report.to_bytes())

    def made(self, report: SignedReport) -> bool:
        """Whether this report was put here once, under whichever key; those delivered long ago are forgotten."""
        name = _name(report.report.sequence)
        kept = [part / name for part in (self._waiting, self._delivered, self._refused)]
        return any(path.exists() and SignedReport.from_bytes(path.read_bytes()).report == report.report for path in kept)

    def sign_again(self, key: SigningKey) -> int:
        """Puts this key's signature under everything that waits; how many reports that are."""
        waiting = self.waiting()
        for one in waiting:
            signed = SignedReport.sign(SignedReport.from_bytes(one.read()).report, key)
            write_whole(one.path, signed.to_bytes())
        return len(waiting)

    def highest(self) -> int:
        """The greatest sequence number that was ever put here and is kept."""
        folders = (self._waiting, self._delivered, self._refused)
        return max((int(path.stem) for part in folders for path in part.glob("[0-9]*.json")), default=0)

    def supersede(self) -> int:
        """Puts everything that waits out of the way, into `superseded`: others were accepted in its place. How many that were."""
        waiting, aside = self.waiting(), self._waiting.with_name("superseded")
        aside.mkdir(mode=0o700, exist_ok=True)
        for report in waiting:
            report.path.rename(aside / report.path.name)
        return len(waiting)

    def waiting(self) -> list[Waiting]:
        """What waits, oldest first."""
        return [Waiting(int(path.stem), path) for path in sorted(self._waiting.glob("[0-9]*.json"))]

    def delivered(self, report: Waiting, receipt: str) -> None:
        """The centre has it; `receipt` is kept beside it."""
        (self._delivered / f"{report.path.stem}.receipt").write_text(receipt, encoding="utf-8")
        report.path.rename(self._delivered / report.path.name)
        for old in self._beyond(KEPT_DELIVERED):
            old.with_suffix(".receipt").unlink(missing_ok=True)
            old.unlink(missing_ok=True)

    def wanted_again(self, after: int) -> int:
        """Lets what was delivered after number `after` wait again: the centre lost it. How many reports that are."""
        lost = [path for path in sorted(self._delivered.glob("[0-9]*.json"), reverse=True) if int(path.stem) > after]
        for path in lost:  # the newest first: killed in between, the rest is still known as delivered, and asked for again
            path.rename(self._waiting / path.name)
            path.with_suffix(".receipt").unlink(missing_ok=True)
        return len(lost)

    def refused(self, report: Waiting, message: str) -> None:
        """The centre will never take it; it is set aside with the reason."""
        (self._refused / f"{report.path.stem}.reason").write_text(message, encoding="utf-8")
        report.path.rename(self._refused / report.path.name)

    def last_delivered(self) -> int | None:
        """The sequence number of the newest delivered report."""
        return max((int(path.stem) for path in self._delivered.glob("[0-9]*.json")), default=None)

    def receipt(self, sequence: int) -> str | None:
        """What the centre answered to a delivered report; None where it is not kept any more, or never was."""
        path = self._delivered / f"{sequence:010d}.receipt"
        return path.read_text(encoding="utf-8") if path.exists() else None

    def refusals(self) -> dict[int, str]:
        """Why reports were set aside, by sequence number."""
        return {int(path.stem): path.read_text(encoding="utf-8") for path in sorted(self._refused.glob("*.reason"))}

    def _beyond(self, kept: int) -> Iterator[Path]:
        yield from sorted(self._delivered.glob("[0-9]*.json"))[:-kept]

    def unsettled(self) -> dict[int, str]:
        """Refusals since the centre last took a report; older ones are of no matter any more."""
        last = self.last_delivered() or 0
        return {sequence: why for sequence, why in self.refusals().items() if sequence > last}


def _name(sequence: int) -> str:
    return f"{sequence:010d}.json"
