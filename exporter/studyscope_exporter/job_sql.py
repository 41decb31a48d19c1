"""Jobs from a query to a database, in a transaction that can only read."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.job_events import JobFields
from studyscope_exporter.job_table import Row, TableUnusable, ZoneName, plain, require_columns
from studyscope_exporter.servers.secret import Secret, SecretProblem

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

ROWS_AT_ONCE = 2000
SINCE = "since"
_PARAMETER = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)")
_READS = re.compile(r"\s*(?:select|with)\b", re.IGNORECASE)
_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class SqlQuery(Strict):
    """Which database is asked what. Columns are called as `fields` says; give them their names with AS."""

    url: Secret = Field(description="SQLAlchemy address, such as postgresql://user:password@host/database")
    query: str = Field(max_length=20_000, description="one SELECT; `:since` stands for the time of the last pass")
    time_zone: ZoneName = Field(default="UTC", description="of times that name none, and of :since")
    overlap_hours: float = Field(default=24, ge=0.1, le=24 * 366, description="how much before the last pass is asked for again")
    timeout_seconds: int = Field(default=300, ge=1, le=3600)

    @field_validator("query")
    @classmethod
    def _only_reads(cls, query: str) -> str:
        if not _READS.match(query) or ";" in query.rstrip().rstrip(";"):
            raise ValueError("must be one statement that begins with SELECT or WITH")
        unknown = sorted(set(_PARAMETER.findall(query)) - {SINCE})
        if unknown:
            raise ValueError(f"unknown parameter :{unknown[0]}; allowed: :{SINCE}. A colon that is none is written \\:")
        return query.rstrip().rstrip(";")


def rows(how: SqlQuery, since: dt.datetime | None, fields: JobFields, workflow: str) -> Iterator[list[Row]]:
    """Rows in pieces of ROWS_AT_ONCE, those since a time where the query asks for it. Raises TableUnusable."""
    from sqlalchemy import DateTime, bindparam, text

    statement = text(how.query)
    if SINCE in _PARAMETER.findall(how.query):
        # Without a zone: every database compares that with its own times; the overlap is larger than any zone.
        local = (since or _BEGINNING).astimezone(ZoneInfo(how.time_zone)).replace(tzinfo=None)
        statement = statement.bindparams(bindparam(SINCE, local, type_=DateTime()))
    zone = ZoneInfo(how.time_zone)
    with _reading(how) as connection:
        found = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)
        columns = list(found.keys())
        require_columns(columns, fields, workflow)
        for piece in found.partitions():
            yield [{name: plain(value, zone) for name, value in zip(columns, row, strict=True)} for row in piece]


@contextmanager
def _reading(how: SqlQuery) -> Iterator[Connection]:
    """A transaction that can only read, and is rolled back."""
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    engine = _engine(how)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection = connection.execution_options(postgresql_readonly=True)
            elif engine.dialect.name in ("mysql", "mariadb", "oracle"):
                connection.execute(text("SET TRANSACTION READ ONLY"))
            try:
                yield connection
            finally:
                connection.rollback()
    except DBAPIError as error:
        passing = type(error).__name__ in ("OperationalError", "InterfaceError", "InternalError")
        raise TableUnusable(f"the database does not give the rows: {_said(error.orig)}", temporary=passing) from None
    except SQLAlchemyError as error:
        raise TableUnusable(f"the database cannot be asked: {_said(error)}", temporary=False) from None
    finally:
        engine.dispose()


def _engine(how: SqlQuery) -> Engine:
    try:
        from sqlalchemy import create_engine, make_url
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:
        raise TableUnusable("databases need SQLAlchemy; run: pip install 'studyscope[sql]'", temporary=False) from None
    try:
        url = make_url(how.url.read())
        if url.get_backend_name() == "sqlite":
            return create_engine("sqlite://", creator=lambda: _sqlite(url))
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        return create_engine(url, connect_args=_limits(url, how.timeout_seconds), hide_parameters=True)
    except SecretProblem as problem:
        raise TableUnusable(str(problem), temporary=False) from None
    except ImportError as error:
        raise TableUnusable(
            f"the database's driver {error.name} is not installed; install it with pip", temporary=False
        ) from None
    except (SQLAlchemyError, ValueError):
        example = "postgresql://user:password@host/database"
        raise TableUnusable(f"the address of the database is not one such as {example}", temporary=False) from None


def _sqlite(url: URL) -> sqlite3.Connection:
    # mode=ro: a file that is not there must not be made.
    return sqlite3.connect(f"{Path(url.database or '').absolute().as_uri()}?mode=ro", uri=True)


def _limits(url: URL, seconds: int) -> dict[str, Any]:
    if url.drivername == "postgresql+psycopg":
        return {"connect_timeout": min(seconds, 30), "options": f"-c statement_timeout={seconds * 1000}"}
    return {}


def _said(error: object) -> str:
    """The first line of what a database says; it speaks of the query and the server, not of rows."""
    return (str(error).strip().splitlines() or ["no reason given"])[0][:300]
