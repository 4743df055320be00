"""An AMI server over a real socket that does what a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
Action = Mapping[str, str]


@dataclass(eq=False, slots=True)
class Session:
    """One connection from a client."""

    writer: asyncio.StreamWriter
    logged_in: bool = False


class ScriptedAmi:
    """`async with ScriptedAmi() as ami:` then `ami.port`, `ami.seen`, `await ami.event("X", A="b")`.

    `answers[action name]` replaces an answer: a function from the action to the answer's raw
    text without its ActionID line, or None to stay silent. `deaf` answers nothing at all.
    """

    def __init__(self, user: str = "dialer", secret: str = "s3cr3t") -> None:  # noqa: S107  # of a scripted peer
        self.user = user
        self.secret = secret
        self.port = 0
        self.seen: list[dict[str, str]] = []
        self.answers: dict[str, Callable[[Action], str | None]] = {}
        self.sessions: list[Session] = []
        self.opened = 0
        self.deaf = False
        self.booted = True
        self.startup = "03:04:05"
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> ScriptedAmi:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def listen(self) -> None:
        """Start; after `stop`, start again on the same port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As if Asterisk were killed."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        if self._handlers:
            await asyncio.wait(self._handlers)

    # ---- what a test does ----------------------------------------------------------------

    def cut(self) -> None:
        """Cut every connection without a word."""
        for session in list(self.sessions):
            session.writer.transport.abort()

    async def raw(self, data: bytes) -> None:
        """These very bytes, as one write each, to every session."""
        for session in list(self.sessions):
            session.writer.write(data)
            await session.writer.drain()

    async def event(self, name: str, **headers: str) -> None:
        lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in headers.items())]
        await self.raw(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def until(self, condition: Callable[[], bool], limit_s: float = 10.0) -> None:
        """Wait until an action or a connection makes the condition true."""
        async with asyncio.timeout(limit_s), self._changed:
            await self._changed.wait_for(condition)

    def actions(self, name: str) -> list[dict[str, str]]:
        return [one for one in self.seen if one["Action"] == name]

    # ---- the server ----------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)
        session = Session(writer)
        self.sessions.append(session)
        self.opened += 1
        await self._notify()
        try:
            writer.write(BANNER)
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                await self._take(session, block.decode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.sessions.remove(session)
            writer.close()
            await self._notify()

    async def _take(self, session: Session, block: str) -> None:
        action = dict(line.split(": ", 1) for line in block.strip().split("\r\n"))
        self.seen.append(action)
        await self._notify()
        if self.deaf:
            return
        answer = self.answers.get(action["Action"], self._ordinary)(action)
        if answer is None:
            return
        head, _, rest = answer.partition("\r\n")
        session.writer.write(f"{head}\r\nActionID: {action['ActionID']}\r\n{rest}\r\n\r\n".encode())
        if action["Action"] == "Login" and head == "Response: Success":
            session.logged_in = True
            if self.booted:
                session.writer.write(b"Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n")
        await session.writer.drain()

    def _ordinary(self, action: Action) -> str:
        match action["Action"]:
            case "Login" if (action.get("Username"), action.get("Secret")) == (self.user, self.secret):
                return "Response: Success\r\nMessage: Authentication accepted"
            case "Login":
                return "Response: Error\r\nMessage: Authentication failed"
            case "CoreStatus":
                return f"Response: Success\r\nCoreStartupDate: 2026-01-02\r\nCoreStartupTime: {self.startup}"
            case _:
                return "Response: Success\r\nMessage: Done"

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def refused(message: str) -> Callable[[Action], str | None]:
    return lambda _action: f"Response: Error\r\nMessage: {message}"


def silent(_action: Action) -> str | None:
    return None
