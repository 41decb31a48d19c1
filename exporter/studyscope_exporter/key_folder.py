"""Files in the site's folder of keys for a change of the signing key.

    signing.pem          the key that signs (identity.py)
    signing-next.pem     a key that was made and waits for the centres
    signing-next.json    the statement that it follows signing.pem
    key-changes.jsonl    every change that was made, oldest first

The old private key is gone with the rename that puts the new one in its place.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from studyscope_contract.key_change import KeyChange
from studyscope_contract.keys import KeyProblem, SigningKey, VerifyingKey
from studyscope_exporter.disclosure.files import DiskFiles, replaced

SIGNING_KEY = "signing.pem"
NEXT_KEY = "signing-next.pem"
NEXT_CHANGE = "signing-next.json"
CHANGES = "key-changes.jsonl"


@dataclass(frozen=True)
class NextKey:
    """A key that was made and does not sign yet."""

    key: SigningKey
    change: KeyChange


def changes_made(folder: Path) -> tuple[KeyChange, ...]:
    """Every change of the site's key, oldest first; raises KeyProblem."""
    path = folder / CHANGES
    try:
        return tuple(KeyChange.model_validate_json(line) for line in path.read_bytes().splitlines())
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError):
        raise KeyProblem(f"{path}: cannot be read; put it back from your backup") from None


def next_key(folder: Path) -> NextKey | None:
    """The key that waits, None where none was made; raises KeyProblem."""
    if not (folder / NEXT_KEY).exists():
        return None
    try:
        change = KeyChange.model_validate_json((folder / NEXT_CHANGE).read_bytes())
    except (OSError, ValidationError):
        raise KeyProblem(f"{folder / NEXT_CHANGE}: cannot be read; run key discard, then key new") from None
    return NextKey(SigningKey.load(folder / NEXT_KEY), change)


def make_next_key(folder: Path, site: str, day: dt.date, *, old: VerifyingKey | None = None, because: str = "") -> NextKey:
    """A new key, vouched for by the one that signs now, or, where that was stolen or lost, saying `because`.

    `old` is the public half of a key that is not there any more. Raises KeyProblem.
    """
    made, path = SigningKey.generate(), folder / SIGNING_KEY
    if not because:
        change = KeyChange.vouched(site, SigningKey.load(path), made.public, day)
    elif path.exists() or old is not None:
        known = SigningKey.load(path).public if path.exists() else old
        assert known is not None
        change = KeyChange.without_old(site, known, made.public, day, because)
    else:
        raise KeyProblem(f"{path} is not there: name its public half with --old-key; the centre has it (sites show)")
    discard_next_key(folder)
    replaced(DiskFiles(folder), NEXT_CHANGE, change.model_dump_json().encode())
    made.save(folder / NEXT_KEY)
    DiskFiles(folder).sync_folder()
    return NextKey(made, change)


def discard_next_key(folder: Path) -> None:
    """Forgets a key that waits."""
    (folder / NEXT_KEY).unlink(missing_ok=True)
    (folder / NEXT_CHANGE).unlink(missing_ok=True)


def put_in_use(folder: Path, following: NextKey) -> None:
    """From now on `following` signs. Killed in between, it can be done again; the change counts with the rename."""
    made = changes_made(folder)
    if following.change not in made:
        lines = [one.model_dump_json(exclude_none=True) for one in (*made, following.change)]
        replaced(DiskFiles(folder), CHANGES, "".join(f"{line}\n" for line in lines).encode())
    (folder / NEXT_KEY).replace(folder / SIGNING_KEY)
    (folder / NEXT_CHANGE).unlink(missing_ok=True)
    DiskFiles(folder).sync_folder()
