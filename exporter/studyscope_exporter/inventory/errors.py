"""What can be wrong with the inventory.

InventoryError
├── InventoryTooNew    written by a later release
├── WrongInventoryKey  written under another key
├── InventoryOutOfReach  its disk is full, or cannot be read or written now
├── InventoryDamaged   not a database, or not ours
└── UnknownNumber      no file has this inventory number
"""

from __future__ import annotations

from pathlib import Path


class InventoryError(Exception):
    """The local inventory cannot be used; the message tells site IT what to do."""


class InventoryTooNew(InventoryError):
    """A later release wrote this inventory."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(
            f"The inventory has schema {found}, this release knows up to {known}. "
            "Install the release that wrote it, or delete the inventory: the next scan builds it again."
        )
        self.found = found
        self.known = known


class WrongInventoryKey(InventoryError):
    """The inventory was written under another site key."""

    def __init__(self) -> None:
        super().__init__(
            "The inventory was written under another key. Put the site's keys back, "
            "or delete the inventory: the next scan builds it again."
        )


class InventoryDamaged(InventoryError):
    """The file is not an inventory, or damaged."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The inventory cannot be read ({reason}). Delete it with its -wal and -shm files: the next scan builds it again."
        )
        self.reason = reason


class InventoryOutOfReach(InventoryError):
    """The file may be in order; it cannot be read or written now."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} cannot be read or written now ({reason}): look at the free space and the rights of its disk and "
            "start again. Leave the file where it is; nothing is lost."
        )
        self.path, self.reason = path, reason


class UnknownNumber(InventoryError):
    """No file of the inventory has this number (any more)."""

    def __init__(self, number: int) -> None:
        super().__init__(f"No file has the inventory number #{number}; it was removed, or the number is of another inventory.")
        self.number = number
