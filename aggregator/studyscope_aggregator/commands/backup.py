"""`studyscope-aggregator backup` and `restore`: the store, the registry and the centre file in one archive."""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

from studyscope_aggregator.registry import load_registry
from studyscope_aggregator.settings import CentreSettings, read_settings
from studyscope_aggregator.store import StoreUnavailable
from studyscope_aggregator.stores.sqlite import SqliteStore
from studyscope_contract.amount import amount

CENTRE_FILE, REGISTRY, STORE = "centre.yaml", "registry", "reports.sqlite"


def backup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the archive to write (.tar.gz); it names people")


def backup(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    """Copies while the aggregator runs: SQLite's online backup gives one moment of the store."""
    target: Path = chosen.file
    if target.exists():
        print(f"{target} is there already and stays as it is; name a new file", file=sys.stderr)
        return 1
    if not isinstance(settings.store, Path):
        raise StoreUnavailable(
            f"{settings.store.where} is backed up on its server, with pg_dump; this command copies SQLite stores"
        )
    if not settings.store.exists():
        raise StoreUnavailable(f"{settings.store} is not there: nothing to back up")
    target.touch(mode=0o600)
    with tempfile.TemporaryDirectory(dir=target.absolute().parent) as folder, tarfile.open(target, "w:gz") as archive:
        copy = Path(folder) / STORE
        with closing(sqlite3.connect(settings.store)) as ours, closing(sqlite3.connect(copy)) as theirs:
            ours.backup(theirs)
            (reports,) = theirs.execute("SELECT count(*) FROM reports").fetchone()
        archive.add(chosen.config, CENTRE_FILE)
        for path in sorted(path for path in settings.registry.rglob("*") if path.is_file() and path.suffix != ".new"):
            archive.add(path, f"{REGISTRY}/{path.relative_to(settings.registry)}")
        archive.add(copy, STORE)
    print(f"{target}: {amount(reports, 'report')}, {target.stat().st_size:,} bytes")
    if settings.key:
        print(f"The centre's key is not in it: keep a copy of {settings.key} apart")
    return 0


def restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="an archive of `backup`")
    parser.add_argument("--into", type=Path, required=True, metavar="FOLDER", help="a new or empty folder")


def restore(chosen: argparse.Namespace) -> int:
    """Unpacks, and reads everything back before it says that it is done. Raises FileProblem, StoreUnavailable."""
    folder: Path = chosen.into
    if folder.exists() and any(folder.iterdir()):
        print(f"{folder} is not empty; name a new folder, nothing is ever written over a store", file=sys.stderr)
        return 1
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tarfile.open(chosen.file) as archive:
            for member in archive:
                _unpack(archive, member, folder)
    except (OSError, EOFError, tarfile.TarError) as error:
        print(f"{chosen.file} cannot be unpacked: {error}; try an older one", file=sys.stderr)
        return 2
    settings = read_settings(folder / CENTRE_FILE)
    registry = load_registry(folder / REGISTRY)
    with closing(SqliteStore(folder / STORE)) as store:
        sites = sum(1 for _ in store.newest())
    print(f"{folder}: {amount(len(registry.studies), 'study', 'studies')}, reports of {amount(sites, 'site')}.")
    print(f"Put {STORE} where the centre file says ({settings.store}), start `serve`, and sites send again what is missing.")
    return 0


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    content, place = archive.extractfile(member) if member.isfile() else None, (folder / member.name).resolve()
    if content is None or not place.is_relative_to(folder.resolve()):
        raise tarfile.TarError(f"it holds {member.name!r}, which no backup of ours does")
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with place.open("xb") as file:
        shutil.copyfileobj(content, file)
