"""The store that the centre file names."""

from __future__ import annotations

from pathlib import Path

from studyscope_aggregator.settings import Postgres
from studyscope_aggregator.store import ReportStore, StoreUnavailable
from studyscope_aggregator.stores.sqlite import SqliteStore


def open_store(store: Path | Postgres) -> ReportStore:
    """Raises StoreUnavailable."""
    if isinstance(store, Path):
        return SqliteStore(store)
    try:
        from studyscope_aggregator.stores.postgres import PostgresStore
    except ImportError:
        raise StoreUnavailable("PostgreSQL as the store needs its driver: install studyscope[aggregator,postgres]") from None
    return PostgresStore(_conninfo(store), store.where)


def _conninfo(store: Postgres) -> str:
    from psycopg.conninfo import make_conninfo

    words: dict[str, str | int] = {
        "host": store.host,
        "port": store.port,
        "dbname": store.database,
        "user": store.user,
        "sslmode": store.sslmode,
    }
    if store.ca_file is not None:
        words["sslrootcert"] = str(store.ca_file)
    if store.password_file is not None:
        try:
            words["password"] = store.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StoreUnavailable(f"{store.password_file} cannot be read: {error.strerror}") from None
    return make_conninfo("", **words)
