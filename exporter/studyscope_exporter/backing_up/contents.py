"""What belongs into a site's backup, copied so that it fits together while the service runs."""

from __future__ import annotations

import io
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, cast

from studyscope_exporter.backing_up.sealed_stream import BackupProblem, SealedReader, SealedWriter
from studyscope_exporter.disclosure.store import Lock
from studyscope_exporter.retirement import MARK
from studyscope_exporter.settings import SiteSettings

SITE_FILE, STATE, KEYS = "site.yaml", "state", "keys"
INVENTORY = "inventory.sqlite"
_PASSING = ("-wal", "-shm", "lock", ".new")


def write_backup(site_file: Path, settings: SiteSettings, sealed: SealedWriter) -> int:
    """Everything of the site into `sealed`; the number of files.

    The studies' folders are held still together; the inventory is copied by SQLite's own online backup.
    """
    with ExitStack() as held, tarfile.open(mode="w|gz", fileobj=cast("IO[bytes]", sealed)) as archive:
        for study in sorted((settings.state / "studies").glob("*/domain")):
            held.enter_context(Lock(study).held())
        number = 0
        for name, path in _small_files(site_file, settings):
            archive.add(path, name, recursive=False)
            number += 1
        held.close()  # the inventory may be large; the service need not wait for it
        if (settings.state / INVENTORY).exists():
            _add_inventory(settings.state / INVENTORY, archive)
            number += 1
    sealed.close()
    return number


def _small_files(site_file: Path, settings: SiteSettings) -> Iterator[tuple[str, Path]]:
    yield SITE_FILE, site_file
    for study in settings.studies:
        if study.study_file.is_relative_to(site_file.absolute().parent):
            yield str(study.study_file.relative_to(site_file.absolute().parent)), study.study_file
    for part, folder in ((KEYS, settings.keys), (STATE, settings.state)):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.endswith(_PASSING) and path.name not in (INVENTORY, MARK):
                yield f"{part}/{path.relative_to(folder)}", path


def _add_inventory(path: Path, archive: tarfile.TarFile) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".backup-") as copy:
        with closing(sqlite3.connect(path)) as ours, closing(sqlite3.connect(copy.name)) as theirs:
            ours.backup(theirs)
        archive.add(copy.name, f"{STATE}/{INVENTORY}", recursive=False)


def read_backup(sealed: SealedReader, folder: Path) -> int:
    """Unpacks into the new folder `folder` as site.yaml, state/ and keys/; the number of files. Raises BackupProblem."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = 0
    try:
        with tarfile.open(mode="r|gz", fileobj=cast("IO[bytes]", sealed)) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                place = (folder / member.name).resolve()
                if content is None or not place.is_relative_to(folder.resolve()):
                    raise BackupProblem(f"the backup holds {member.name!r}, which none of ours does")
                _put(content, place)
                number += 1
        while sealed.read(1 << 20):  # the padding at the end, so that a cut is seen
            pass
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BackupProblem(f"the backup cannot be unpacked into {folder}: {error}") from None
    return number


def _put(content: IO[bytes], place: Path) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.touch(mode=0o600, exist_ok=False)
    with place.open("wb") as file:
        shutil.copyfileobj(cast("io.BufferedReader", content), file)
