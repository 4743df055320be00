"""Connections to PostgreSQL: limits that keep one bad statement from holding everybody, and JSON as Python values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from domain.errors import BadInput
from domain.i18n import _
from sql.errors import translated

STATEMENT_TIMEOUT_S = 5.0
IDLE_IN_TRANSACTION_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0

_JSONB_VERSION = b"\x01"  # leads every jsonb value in PostgreSQL's binary format


async def connect_pool(
    dsn: str,
    *,
    application_name: str,
    min_size: int = 1,
    max_size: int = 8,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
) -> asyncpg.Pool:
    """A pool of connections that are ready to use.

    Raises Unavailable (nobody answers, no such database), AccessDenied (user or password refused) or
    BadInput (not a DSN). Close it with `await pool.close()`.
    """
    with _opening(dsn):
        return await asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            timeout=CONNECT_TIMEOUT_S,
            # The server keeps its own limit unless it hangs itself: then nobody may wait for it for ever.
            command_timeout=statement_timeout_s + CONNECT_TIMEOUT_S if statement_timeout_s else None,
            init=prepare_connection,
            server_settings=_settings(application_name, statement_timeout_s),
        )


async def connect(
    dsn: str, *, application_name: str, statement_timeout_s: float = STATEMENT_TIMEOUT_S
) -> asyncpg.Connection:
    """One connection outside a pool, with the same limits and errors. statement_timeout_s 0: no limit."""
    with _opening(dsn):
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_TIMEOUT_S, server_settings=_settings(application_name, statement_timeout_s)
        )
    await prepare_connection(connection)
    return connection


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """jsonb travels as Python values; in binary, so that COPY takes them too."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )


def place(dsn: str) -> str:
    """Host, port and database of a DSN: what may be shown of it."""
    try:
        parts = urlsplit(dsn)
        hosts = parts.netloc.rpartition("@")[2] or "localhost"
    except ValueError:
        return "(unreadable DSN)"
    if parts.scheme not in ("postgresql", "postgres"):
        return "(unreadable DSN)"
    return f"{hosts}{parts.path}"


@contextmanager
def _opening(dsn: str) -> Iterator[None]:
    with translated(place(dsn)):
        try:
            yield
        except (ValueError, asyncpg.InvalidParameterValueError):
            # Its text may quote the DSN, so it is not passed on.
            raise BadInput(
                _("The DSN of PostgreSQL is not usable. Write it as postgresql://user:password@host:port/database")
            ) from None


def _settings(application_name: str, statement_timeout_s: float) -> dict[str, str]:
    return {
        "application_name": application_name,
        "statement_timeout": f"{statement_timeout_s * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT_S * 1000:.0f}",
        "timezone": "UTC",
    }


def _encode_jsonb(value: Any) -> bytes:
    return _JSONB_VERSION + json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def _decode_jsonb(data: bytes) -> Any:
    return json.loads(data[1:])
