"""A supervised AMI session: log in, watch the link, answer every action or say why not, connect again.

A refused login ends it for good: a login every two seconds gets the host banned.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from panoramisk.actions import Action

from ami.actions import written
from ami.events import AmiDown, AmiMessage, AmiUp, message_of
from ami.protocol import LinkLost, OneLink
from ami.queue import DroppingQueue
from ami.settings import AmiSettings
from domain.clock import Clock, SystemClock
from domain.errors import AccessDenied, BadInput, Gone, InDoubt, TelephonyError, Unavailable
from domain.i18n import _

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Loss:
    reason: str
    denied: bool = False


class AmiClient:
    """`start` raises AccessDenied or Unavailable; afterwards the link mends itself. Nothing is ever sent twice."""

    def __init__(
        self,
        settings: AmiSettings,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._chance = chance
        self._where = f"{settings.host}:{settings.port}"
        self._link: OneLink | None = None
        self._failure: Unavailable | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._events: DroppingQueue[AmiMessage | AmiUp | AmiDown] = DroppingQueue(settings.queue_size)
        self._early: deque[AmiMessage] = deque(maxlen=settings.queue_size)

    @property
    def dropped(self) -> int:
        """Events that a slow reader has missed."""
        return self._events.dropped

    # ---- life ----------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        return self._link is not None

    async def start(self) -> None:
        """Connect and log in once, then keep the session in the background."""
        if self._supervisor is not None:
            raise Unavailable(_("the AMI link to {where} was started already").format(where=self._where))
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._supervisor = asyncio.create_task(self._supervise(first), name="ami-link")
        try:
            await first
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the link. Actions and `next_event` raise Unavailable from now on."""
        if self._failure is None:
            self._failure = Unavailable(_("the AMI link to {where} is closed").format(where=self._where))
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
        self._events.end(self._failure)

    # ---- actions -------------------------------------------------------------------------

    async def action(
        self,
        name: str,
        fields: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> dict[str, str]:
        """Send one action, at most once, and return its response (keys in lower case).

        timeout: seconds, None = the settings'. Raises BadInput (not permitted, not one plain
        line), Unavailable (no session: not sent), InDoubt (sent, no answer), AccessDenied (the
        account may not), Gone (no such channel), TelephonyError (refused).
        """
        action = written(name, fields or {})
        return await self._send(self._up_link(), Action(action), timeout)

    def _up_link(self) -> OneLink:
        if self._link is None:
            raise self._failure or Unavailable(
                _("no AMI session with Asterisk at {where}: it is being re-established").format(where=self._where)
            )
        return self._link

    async def _send(self, link: OneLink, action: Action, limit: float | None) -> dict[str, str]:
        name = str(action["action"])
        # False: the first response is the answer. With True an error would never resolve, and
        # with None the library guesses from the text of the message.
        future = link.send_action(action, as_list=False)
        try:
            async with asyncio.timeout(limit or self._settings.action_timeout_s):
                response = message_of(await future)
        except TimeoutError:
            raise self._in_doubt(name, "time-out") from None
        except LinkLost:
            raise self._in_doubt(name, "link lost") from None
        finally:
            link.protocol.responses.pop(action.id, None)
        if response.get("response") in ("Success", "Goodbye", "Follows"):
            return dict(response)
        raise _refusal(name, response.get("message", ""))

    @staticmethod
    def _in_doubt(name: str, reason: str) -> InDoubt:
        return InDoubt(_("no answer to the AMI action {action} ({reason})").format(action=name, reason=reason))

    # ---- events --------------------------------------------------------------------------

    async def next_event(self) -> AmiMessage | AmiUp | AmiDown:
        """The next event, in the order of arrival. After a refused login or `close`: what is left, then the error."""
        return await self._events.get()

    def _put(self, event: AmiMessage | AmiUp | AmiDown) -> None:
        if not self._events.put(event) and self._events.dropped == 1:
            log.warning("ami.events_dropped", node=self._where)

    def _take(self, event: Any) -> None:
        message = message_of(event)
        if self._link is None:
            self._early.append(message)  # comes with the login's answer; AmiUp goes first
        else:
            self._put(message)

    # ---- one link after another ----------------------------------------------------------

    async def _supervise(self, first: asyncio.Future[None]) -> None:
        short_links = 0
        while True:
            born = self._clock.monotonic()
            loss = await self._live(first)
            if not first.done():
                first.set_exception(self._start_error(loss))
                return
            log.warning("ami.link_down", node=self._where, reason=loss.reason)
            if loss.denied:
                self._fail(self._start_error(loss))
                return
            lasted = self._clock.monotonic() - born
            short_links = 0 if lasted > self._settings.backoff_max_s else short_links + 1
            ceiling = min(self._settings.backoff_max_s, self._settings.backoff_min_s * 2.0 ** min(short_links, 16))
            await self._sleep(ceiling * (0.5 + 0.5 * self._chance()))

    async def _live(self, first: asyncio.Future[None]) -> _Loss:
        settings = self._settings
        self._early.clear()
        link = OneLink(settings.host, settings.port, self._take)
        loss = _Loss("closed")
        try:
            await link.open(settings.connect_timeout_s)
            refusal = await self._log_in(link)
            if refusal is None:
                self._up(link)
                if not first.done():
                    first.set_result(None)
                loss = _Loss(await self._watch(link))
            else:
                loss = refusal
        except (OSError, TimeoutError) as error:
            loss = _Loss(type(error).__name__)
        except Exception as error:
            log.error("ami.link_failed", node=self._where, error=type(error).__name__)
            loss = _Loss(type(error).__name__)
        finally:
            self._down(link, loss.reason)
        return loss

    async def _log_in(self, link: OneLink) -> _Loss | None:
        """None when logged in. Only a refused secret is final: an Asterisk that stops refuses everything."""
        settings = self._settings
        fields = {"Username": settings.user, "Secret": settings.secret, "Events": settings.events}
        try:
            await self._send(link, Action(written("Login", fields)), settings.login_timeout_s)
        except (BadInput, AccessDenied) as error:
            return _Loss(type(error).__name__, denied=True)
        except InDoubt:
            return _Loss("no answer to the login")
        except (TelephonyError, Unavailable):
            return _Loss("login not possible now")
        return None

    async def _watch(self, link: OneLink) -> str:
        """Ping until the link is lost or an answer is missing; say which."""
        while True:
            await asyncio.wait({link.lost}, timeout=self._settings.ping_interval_s)
            if link.lost.done():
                return "connection lost"
            try:
                await self._send(link, Action(written("Ping", {})), None)
            except InDoubt:
                return "no answer to a ping"
            except (TelephonyError, Unavailable):
                return "ping refused"

    def _up(self, link: OneLink) -> None:
        self._link = link
        self._put(AmiUp(self._clock.now()))
        while self._early:
            self._put(self._early.popleft())
        log.info("ami.link_up", node=self._where)

    def _down(self, link: OneLink, reason: str) -> None:
        was_up = self._link is link
        self._link = None
        link.connection_lost(None)
        link.close()
        if was_up:
            self._put(AmiDown(reason, self._clock.now()))

    def _fail(self, error: Unavailable) -> None:
        self._failure = error
        self._events.end(error)

    def _start_error(self, loss: _Loss) -> Unavailable:
        names = {"where": self._where, "user": self._settings.user, "reason": loss.reason}
        if loss.denied:
            return AccessDenied(
                _(
                    "Asterisk at {where} refused the AMI user {user}: correct the secret, or [{user}] in manager.conf"
                ).format(**names)
            )
        return Unavailable(
            _(
                "no AMI session with Asterisk at {where} ({reason}): start Asterisk, or correct the address, "
                "or enabled, bindaddr and port in manager.conf"
            ).format(**names)
        )


def _refusal(name: str, message: str) -> TelephonyError | Unavailable:
    text = message.lower()
    if "permission denied" in text or "authentication" in text:
        return AccessDenied(
            _("the AMI account may not {action}: check read and write in manager.conf").format(action=name)
        )
    if "shutting down" in text:
        return Unavailable(_("Asterisk is stopping: the AMI action {action} was not carried out").format(action=name))
    if "no such channel" in text or "channel not found" in text:
        return Gone(_("the channel of the AMI action {action} no longer exists").format(action=name))
    return TelephonyError(_("Asterisk refused the AMI action {action}").format(action=name))
