"""What PostgreSQL and asyncpg raise, in the words of domain.errors. No message carries a DSN's secret,
nor a row's content (a constraint's DETAIL may hold a telephone number)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from domain.errors import AccessDenied, Unavailable
from domain.i18n import _

_REFUSED = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientPrivilegeError,
)
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn a failure of the database inside the block into Unavailable or AccessDenied.

    where: host, port and database, for people. Violated constraints pass through: the caller knows
    what they mean.
    """
    try:
        yield
    except _REFUSED as error:
        raise AccessDenied(
            _("PostgreSQL at {where} refused the user or the password. Check the DSN.").format(where=where)
        ) from error
    except asyncpg.InvalidCatalogNameError as error:
        raise Unavailable(
            _("PostgreSQL at {where} has no such database. Create it, or correct the DSN.").format(where=where)
        ) from error
    except asyncpg.UndefinedTableError as error:
        raise Unavailable(
            _("The database at {where} lacks a table. Run the migrations of this version.").format(where=where)
        ) from error
    except _AWAY as error:
        if isinstance(error, ValueError):  # an argument of the wrong type: a bug, not an outage
            raise
        raise Unavailable(
            _("PostgreSQL at {where} does not answer ({kind}). Check that it runs and can be reached.").format(
                where=where, kind=type(error).__name__
            )
        ) from error
