"""Call control of one Asterisk over ARI."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from ari.gate import gate_fields, gate_of
from ari.http import Refused, Unanswered
from ari.node import AriNode
from ari.orders import check, id_of, media_of, variable_of
from ari.settings import AriSettings
from domain.clock import Clock
from domain.errors import AccessDenied, Clash, Gone, InDoubt, NotPlaced, TelephonyError, Unavailable
from domain.events import TelephonyEvent
from domain.i18n import _
from domain.ports import ChannelSnapshot, OriginateOrder, SwitchSnapshot

log = structlog.get_logger()

_BOOTING = 503


class AriTelephony:
    """The engine's Telephony port. `start` first; events and commands end with `close`."""

    def __init__(
        self,
        settings: AriSettings,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._node = AriNode(settings, clock=clock, sleep=sleep, chance=chance)

    async def start(self) -> None:
        """Raises AccessDenied (wrong user or secret) or Unavailable (nobody there, still booting)."""
        await self._node.start()

    async def close(self) -> None:
        await self._node.close()

    @property
    def is_up(self) -> bool:
        return self._node.is_up

    @property
    def incarnation(self) -> str:
        """Start-up time of the Asterisk last connected; another one means that it was restarted."""
        return self._node.incarnation

    async def next_event(self) -> TelephonyEvent:
        """The next event in the switch's order. Raises AccessDenied or Unavailable once the link is over for good."""
        return await self._node.next_event()

    # ---- calls ---------------------------------------------------------------------------

    async def originate(self, order: OriginateOrder) -> None:
        """Place one call, sent at most once.

        A customer enters the dialplan context, which calls the application and, when no engine
        listens, plays the message; an agent enters the application directly.
        """
        check(order)
        app = self._settings.app
        variables = {
            **order.variables,
            "DIALER_APP": app,
            "DIALER_ARGS": order.role,
            "DIALER_CALL": order.channel,
        }
        if order.absolute_timeout_s:
            variables["TIMEOUT(absolute)"] = str(order.absolute_timeout_s)
        target: dict[str, Any]
        if order.role == "customer":
            if order.record:
                # The dialplan records: over AMI it takes an account that could also run a shell.
                variables["DIALER_RECORD"] = "1"
            target = {"context": self._settings.context, "extension": "s", "priority": 1}
        else:
            target = {"app": app, "appArgs": order.role}
        try:
            await self._node.call(
                "channels",
                "originateWithId",
                channelId=order.channel,
                endpoint=order.endpoint,
                callerId=order.caller_id or None,
                timeout=order.ring_timeout_s,
                variables=variables,
                **target,
            )
        except Refused as refused:
            taken = refused.status == 409 and await self._may_exist(order.channel)
            closed = order.role == "customer" and refused.status == 500 and await self._is_closed(order.endpoint)
            raise self._not_placed(order.channel, refused, taken=taken, closed=closed) from None
        except Unanswered as unanswered:
            if unanswered.sent:
                raise InDoubt(
                    _("no answer to the order of channel {channel} ({reason}): it may have been placed").format(
                        channel=order.channel, reason=unanswered.reason
                    )
                ) from None
            raise self._unavailable(unanswered) from None

    async def _may_exist(self, channel: str) -> bool:
        """Asterisk also says 409 for an order refused otherwise, when the one before it on the same
        connection was a clash: it looks at an errno that nobody has cleared."""
        try:
            await self._node.call("channels", "get", channelId=channel)
        except Refused as refused:
            return refused.status != 404
        except (Unanswered, Unavailable):
            return True
        return True

    async def _is_closed(self, endpoint: str) -> bool:
        """An unarmed gate and an unreachable trunk are refused in the same words."""
        try:
            await self._node.call("asterisk", "getObject", **_endpoint(endpoint.rpartition("@")[2]))
        except Refused as refused:
            return refused.status == 404
        except (Unanswered, Unavailable):
            return False
        return False

    @staticmethod
    def _not_placed(channel: str, refused: Refused, *, taken: bool, closed: bool) -> TelephonyError | Unavailable:
        if taken:
            return Clash(_("channel {channel} exists already").format(channel=channel))
        if refused.status == _BOOTING:
            return Unavailable(_("Asterisk is still booting: nothing was sent"))
        if closed:
            return NotPlaced(_("the order of channel {channel} names a gate that is closed").format(channel=channel))
        return NotPlaced(
            _("Asterisk refused the order of channel {channel} (HTTP status {status})").format(
                channel=channel, status=refused.status
            )
        )

    async def hang_up(self, channel: str, *, cause: int = 16) -> None:
        """Hang up with a Q.850 cause (1..127). A channel that is already gone counts as success."""
        if cause not in range(1, 128):
            raise TelephonyError(_("the hang-up cause must be 1 to 127"))
        await self._command(
            "channels",
            "hangup",
            gone_is_done=True,
            channelId=id_of(channel, _("channel id")),
            reason_code=str(cause),
        )

    async def play(self, channel: str, playback: str, media: str) -> None:
        """Play `sound:x` or `recording:x`; PlaybackEnded tells whether it was heard to its end."""
        await self._command(
            "channels",
            "playWithId",
            channelId=id_of(channel, _("channel id")),
            playbackId=id_of(playback, _("playback id")),
            media=media_of(media),
        )

    async def set_variable(self, channel: str, name: str, value: str) -> None:
        checked, text = variable_of(name, value)
        await self._command(
            "channels", "setChannelVar", channelId=id_of(channel, _("channel id")), variable=checked, value=text
        )

    # ---- bridges -------------------------------------------------------------------------

    async def create_bridge(self, bridge: str) -> None:
        name = id_of(bridge, _("bridge id"))
        try:
            await self._command("bridges", "createWithId", bridgeId=name, type="mixing", name=name)
        except Clash:
            return

    async def destroy_bridge(self, bridge: str) -> None:
        """A bridge that no longer exists counts as success."""
        await self._command("bridges", "destroy", gone_is_done=True, bridgeId=id_of(bridge, _("bridge id")))

    async def add_to_bridge(self, bridge: str, channel: str) -> None:
        await self._command(
            "bridges", "addChannel", bridgeId=id_of(bridge, _("bridge id")), channel=id_of(channel, _("channel id"))
        )

    # ---- state ---------------------------------------------------------------------------

    async def snapshot(self) -> SwitchSnapshot:
        """All channels and bridges of the switch, ours or not."""
        bridges = await self._command("bridges", "list")
        channels = await self._command("channels", "list")
        try:
            if not (isinstance(bridges, list) and isinstance(channels, list)):
                # Taken for an empty switch, this would end every call the engine knows of.
                raise TypeError
            member_of = {str(member): str(bridge["id"]) for bridge in bridges for member in bridge["channels"]}
            return SwitchSnapshot(
                incarnation=self._node.incarnation,
                channels=tuple(
                    ChannelSnapshot(
                        channel=str(channel["id"]),
                        up=channel["state"] == "Up",
                        bridge=member_of.get(str(channel["id"])),
                        created_at=datetime.fromisoformat(channel["creationtime"]).astimezone(UTC),
                    )
                    for channel in channels
                ),
                bridges=tuple(str(bridge["id"]) for bridge in bridges),
            )
        except (KeyError, TypeError, ValueError):
            raise TelephonyError(_("Asterisk's list of channels or bridges could not be read")) from None

    # ---- the outbound gate ---------------------------------------------------------------

    async def arm_trunk(self, trunk: str, epoch: int) -> str:
        """Create the trunk's endpoint of this epoch; an order that names any other is refused.

        It is a copy of the trunk's own endpoint in pjsip.conf, which has no address and cannot be
        dialled through. It lives in Asterisk's memory (sorcery), so it is gone after a restart: arm
        again at each LinkUp. Arming twice is harmless. Raises TelephonyError if there is no such trunk.
        """
        gate = gate_of(trunk, epoch)
        try:
            fields = await self._command("asterisk", "getObject", **_endpoint(trunk))
        except Gone:
            raise TelephonyError(
                _("the switch has no trunk {trunk}: add its endpoint to pjsip.conf").format(trunk=trunk)
            ) from None
        wanted = gate_fields(fields, trunk, self._settings.closed_context)
        # A tuple: the library joins lists with commas, also in a body.
        body = tuple({"attribute": name, "value": value} for name, value in wanted)
        await self._command("asterisk", "updateObject", **_endpoint(gate), fields=body)
        log.info("ari.trunk_armed", trunk=trunk, epoch=epoch)
        return gate

    async def disarm_trunk(self, trunk: str, epoch: int) -> None:
        """Delete the endpoint of this epoch; one that does not exist counts as success."""
        await self._command("asterisk", "deleteObject", gone_is_done=True, **_endpoint(gate_of(trunk, epoch)))
        log.info("ari.trunk_disarmed", trunk=trunk, epoch=epoch)

    # ---- how a command fails -------------------------------------------------------------

    async def _command(self, resource: str, operation: str, *, gone_is_done: bool = False, **arguments: Any) -> Any:
        try:
            return await self._node.call(resource, operation, **arguments)
        except Refused as refused:
            if _says_gone(refused):
                if gone_is_done:
                    return None
                raise Gone(_("what {operation} names no longer exists").format(operation=operation)) from None
            raise self._refusal(operation, refused) from None
        except Unanswered as unanswered:
            if unanswered.sent:
                raise InDoubt(
                    _("no answer to {operation} ({reason}): it may have been done").format(
                        operation=operation, reason=unanswered.reason
                    )
                ) from None
            raise self._unavailable(unanswered) from None

    @staticmethod
    def _refusal(operation: str, refused: Refused) -> TelephonyError | Unavailable:
        match refused.status:
            case 409:
                return Clash(_("{operation} was refused: the id or the channel is in use").format(operation=operation))
            case 401 | 403:
                return AccessDenied(
                    _("{operation} was refused: check the ARI user's rights in ari.conf").format(operation=operation)
                )
            case 503:
                return Unavailable(_("Asterisk is still booting: nothing was sent"))
            case status:
                return TelephonyError(
                    _("Asterisk refused {operation} (HTTP status {status})").format(operation=operation, status=status)
                )

    @staticmethod
    def _unavailable(unanswered: Unanswered) -> Unavailable:
        return Unavailable(
            _("Asterisk could not be reached ({reason}): nothing was sent").format(reason=unanswered.reason)
        )


def _endpoint(name: str) -> dict[str, Any]:
    return {"configClass": "res_pjsip", "objectType": "endpoint", "id": name}


def _says_gone(refused: Refused) -> bool:
    """404; a bridge's addChannel says 400 for a channel that is gone, 422 for one that has left the application."""
    return refused.status in (404, 422) or (refused.status == 400 and "not found" in refused.message)
