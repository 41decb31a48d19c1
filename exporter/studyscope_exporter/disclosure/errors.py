"""What can go wrong in disclosure control. No message, attribute or repr holds a number of patients or a key.

DisclosureError
├── ContributionsProblem   contributions do not fit the study; `table`
├── DomainInUse            another process has the domain open
├── DomainProblem          the folder, its key or its ledger cannot be used
├── KeyChanged             the site's signing key was changed while a program ran
├── OlderGridPoint         a release was asked for a grid point that has passed; `grid_point`, `last`
├── PolicyLoosened         the policy is looser than one that numbers were published under; `name`
├── ApprovalProblem        an approval cannot be given
└── RecoveryProblem        what was lost cannot be recovered from what was given
"""

from __future__ import annotations

from pathlib import Path


class DisclosureError(Exception):
    """Root of the problems of this package."""


class ContributionsProblem(DisclosureError):
    """What the collectors counted does not fit the study; a fault of the program, nothing is released."""

    def __init__(self, table: str, message: str) -> None:
        super().__init__(f"table {table}: {message}; nothing was released")
        self.table = table


class DomainInUse(DisclosureError):
    """The folder is locked by another process."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: another studyscope-exporter works with this study; wait for it or stop it")
        self.folder = folder


class DomainProblem(DisclosureError):
    """A domain's folder cannot be used; the message says why and what to do."""


class KeyChanged(DisclosureError):
    """Another process put a new signing key in use; what was opened before signs with the old one."""

    def __init__(self) -> None:
        super().__init__("this site's signing key was changed by another program; open the site again")


class OlderGridPoint(DisclosureError):
    """Grid points only go forward; an older one has its report already or never gets one."""

    def __init__(self, grid_point: int, last: int) -> None:
        super().__init__(f"grid point {grid_point} is before {last}, the last one released; check the machine's clock")
        self.grid_point = grid_point
        self.last = last


class PolicyLoosened(DisclosureError):
    """A table that has published can never go to a looser policy (privacy.md 2.3)."""

    def __init__(self, name: str, why: str = "") -> None:
        differs = f"policy: {name} differs from, or is looser than, what numbers were published under; set it back"
        super().__init__(f"policy: {name}: {why}" if why else differs)
        self.name = name


class ApprovalProblem(DisclosureError):
    """An approval cannot be given; the message says why."""


class RecoveryProblem(DisclosureError):
    """A recovery cannot be made; the message says why."""
