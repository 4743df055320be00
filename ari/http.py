"""The HTTP client under aioari: time-outs, credentials in a header, errors that say what is certain.

aioswagger11's own client puts the password into every URL, waits five minutes for an answer,
never notices a half-open websocket and fails on some statuses; this one replaces it.
Only two errors leave this module:

    Refused     Asterisk answered with a status of 300 or more
    Unanswered  no whole answer; `sent` tells whether the request may have reached Asterisk
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp
import structlog
from aioswagger11.http_client import HttpClient

log = structlog.get_logger()

# The libraries print arguments and URLs at debug level: dialled numbers would reach the log.
for _library in ("aioari", "aioswagger11"):
    logging.getLogger(_library).setLevel(logging.WARNING)

_MESSAGE_BYTES = 4096


class Refused(Exception):
    """Asterisk answered `status`; `message` is its own text, for classification only (it may name a number)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status
        self.message = message


class Unanswered(Exception):
    """No whole answer. sent: the request may have been carried out. reason: the kind of failure."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class AriHttpClient(HttpClient):  # type: ignore[misc]  # aioswagger11 has no types
    """What aioswagger11 asks of an HTTP client, over one aiohttp session.

    timeout_s: whole request; connect_timeout_s: until a connection is there (after it nothing was
    sent, with certainty); heartbeat_s: ping period of the websocket, half of it is the pong's time.
    """

    def __init__(
        self,
        user: str,
        secret: str,
        *,
        timeout_s: float = 4.0,
        connect_timeout_s: float = 2.0,
        heartbeat_s: float = 5.0,
        connections: int = 50,
    ) -> None:
        token = base64.b64encode(f"{user}:{secret}".encode()).decode("ascii")
        self._heartbeat_s = heartbeat_s
        # keepalive below Asterisk's session_keep_alive: a POST on a connection that the
        # other side is just closing would be in doubt for no reason.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=10),
            timeout=aiohttp.ClientTimeout(total=timeout_s, connect=connect_timeout_s, sock_connect=connect_timeout_s),
            headers={"Authorization": f"Basic {token}"},
            trust_env=False,
        )

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        """One request, at most once for POST. Returns the response with its body read.

        Raises Refused or Unanswered. Redirects are not followed: they would carry an order,
        and the credentials, somewhere else.
        """
        if self._session.closed:
            raise Unanswered("closed", sent=False)
        try:
            async with self._session.request(
                method, url, params=_query(params), data=data, headers=headers, allow_redirects=False
            ) as response:
                await response.read()
                if response.status < 300:
                    return response
                raise Refused(response.status, (await response.text(errors="replace"))[:_MESSAGE_BYTES])
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise Unanswered(type(error).__name__, sent=False) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The errors' own texts may hold the URL, and with it a number.
            raise Unanswered(type(error).__name__, sent=True) from None
        except (ValueError, RuntimeError) as error:
            # An answer that cannot be decoded, or the session was closed under the request.
            raise Unanswered(type(error).__name__, sent=True) from None

    async def ws_connect(self, url: str, params: Mapping[str, Any] | None = None) -> aiohttp.ClientWebSocketResponse:
        """Open the event stream, with a heartbeat. The caller closes it; nothing is kept here."""
        try:
            return await self._session.ws_connect(
                url, params=_query(params), heartbeat=self._heartbeat_s, max_msg_size=1 << 20
            )
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(error.status, "") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unanswered(type(error).__name__, sent=False) from None

    async def close(self) -> None:
        await self._session.close()


def _query(params: Mapping[str, Any] | None) -> dict[str, str] | None:
    if not params:
        return None
    return {name: _text(value) for name, value in params.items()}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
