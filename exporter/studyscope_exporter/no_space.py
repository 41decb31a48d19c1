"""A disk without space, in words: which one it is, and that nothing is lost by it."""

from __future__ import annotations

import errno
import sqlite3

from studyscope_exporter.inventory.errors import InventoryOutOfReach

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SQLITE_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def no_space_words(error: OSError | sqlite3.OperationalError | InventoryOutOfReach) -> str | None:
    """What to do where `error` says that a disk is full; None where it is about something else."""
    if isinstance(error, InventoryOutOfReach):
        return str(error)
    if isinstance(error, OSError):
        full, where = error.errno in _FULL, f"{error.filename}: " if error.filename else ""
    else:  # an extended code holds the code in its lowest byte (sqlite.org/rescode.html)
        full, where = getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE_FULL, ""
    if not full:
        return None
    return f"{where}no space left: make free space on the disk of the state folder, and start again; nothing is lost"
