"""Each recorded attempt's way from the switch's raw file to a WAV in the archive and a row in the store.

    (answer: the dialplan begins the raw file) ─► start ─► row 'recording' ─► (the conversation) ─► finish ─►
    raw file at rest ─► WAV, synced, renamed into place ─► raw removed ─► row 'stored'     no audio ─► row 'lost'

A call that was answered and never bridged has a raw file too, which `discard` removes: it was no conversation.
No step is waited for by a call. After a crash at any point either the raw file or the whole WAV is there with a
row in state 'recording', or a raw file whose attempt has no row; `repair` goes by these.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import structlog

from domain.clock import Clock
from domain.errors import AlreadyExists, DialerError, NotFound, Unavailable
from domain.ids import AttemptId, CampaignId, customer_channel
from domain.records import RecordingRow
from domain.stores import RecordingStore
from recordings import audio, files, naming
from recordings.rest import Rest, RestRule, Sleep, wait_for_rest

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class PipelineCounts:
    """Since the start of the process. deferred: left for the next `repair` (disk or database trouble)."""

    started: int = 0
    discarded: int = 0
    stored: int = 0
    lost: int = 0
    deferred: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    """begun: of a recording that was started here. adopted: it has no row yet. repair: give way to a living call."""

    attempt: AttemptId
    campaign: CampaignId
    path: str
    raw: str
    begun: asyncio.Task[bool] | None = None
    adopted: bool = False
    repair: bool = False


@dataclass(frozen=True, slots=True)
class _Refuse:
    """A raw file that must go. stray: of an unknown call, which may be alive."""

    raw: str
    stray: bool = False


class RecordingPipeline:
    """Use as an async context: entering starts the workers, leaving lets them finish what is queued.

    spool_dir: where the switch's dialplan records (it and this process both need to write there). archive_dir:
    where the WAV files live. workers: threads that read and write audio. watchers: files watched at a time
    until they rest. drain_s: patience when leaving. repair_s: between two repairs.
    """

    def __init__(
        self,
        store: RecordingStore,
        spool_dir: Path,
        archive_dir: Path,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        workers: int = 2,
        watchers: int = 64,
        rest: RestRule | None = None,
        store_retry_s: float = 1.0,
        store_tries: int = 30,
        drain_s: float = 20.0,
        repair_s: float = 60.0,
    ) -> None:
        self._store = store
        self._spool = spool_dir
        self._archive = archive_dir
        self._clock = clock
        self._sleep = sleep
        self._watchers = watchers
        self._rest = rest or RestRule()
        self._store_retry_s = store_retry_s
        self._store_tries = store_tries
        self._drain_s = drain_s
        self._repair_s = repair_s
        self.counts = PipelineCounts()
        self._open: dict[AttemptId, _Job] = {}  # started here, not finished
        self._queued: set[AttemptId] = set()
        self._refused: set[str] = set()  # raw files to be removed
        self._queue: asyncio.Queue[_Job | _Refuse | AttemptId] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="recordings")

    async def __aenter__(self) -> Self:
        for folder in (self._spool, self._archive):
            folder.mkdir(parents=True, exist_ok=True)
        for number in range(self._watchers):
            task = asyncio.create_task(self._work(), name=f"recordings-{number}")
            self._tasks.add(task)
        self._tasks.add(asyncio.create_task(self._repair_now_and_then(), name="recordings-repair"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_s):
                await self.drain()
        if left := len(self._queued) + len(self._refused) + len(self._open):
            log.warning("recordings.left_for_repair", count=left)
        begins = [job.begun for job in self._open.values() if job.begun]
        for task in (*self._tasks, *begins):
            task.cancel()
        await asyncio.gather(*self._tasks, *begins, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def backlog(self) -> int:
        """Raw files whose call ended and that are not yet stored, lost or removed."""
        return len(self._queued) + len(self._refused)

    # ---- what the engine calls; none of it waits -----------------------------------------------

    def start(self, attempt: AttemptId, campaign: CampaignId, channel: str) -> None:
        """A conversation began on this channel, which the switch records. A second start does nothing."""
        if attempt in self._open or attempt in self._queued:
            return
        path = naming.archive_path(attempt, self._clock.now())
        begun = asyncio.create_task(self._begin(attempt, campaign, path))
        self._open[attempt] = _Job(attempt, campaign, path, naming.raw_name(channel), begun)
        self.counts.started += 1

    def finish(self, attempt: AttemptId) -> None:
        """The channel ended. An attempt that was never recorded is passed over."""
        if attempt in self._queued:
            return
        self._queued.add(attempt)
        self._queue.put_nowait(self._open.pop(attempt, attempt))

    def discard(self, channel: str) -> None:
        """A call that was answered and never bridged has ended: what the switch recorded of it goes."""
        self._refuse(_Refuse(naming.raw_name(channel)))

    async def drain(self) -> None:
        """Wait until everything finished so far is stored, lost, discarded or deferred."""
        await self._queue.join()

    async def repair(self) -> int:
        """Queue what a crash or a full disk left unfinished and return how many; done at the start and now and then.

        A raw file that still grows belongs to a call that is alive and is left alone. Raises Unavailable.
        """
        unfinished = await self._store.unfinished()
        for attempt, campaign, path in unfinished:
            if attempt not in self._open and attempt not in self._queued:
                self._queued.add(attempt)
                raw = naming.raw_name(customer_channel(attempt))
                self._queue.put_nowait(_Job(attempt, campaign, path, raw, repair=True))
        return len(unfinished) + await self.sweep()

    async def sweep(self) -> int:
        """Queue raw files whose call is over and that nobody asked for; return how many. Raises Unavailable.

        One of a conversation whose row was never written becomes its recording, any other is removed. Calls in
        flight, files that grow and files of other names are left alone.
        """
        names = await asyncio.to_thread(os.listdir, self._spool)
        attempts = {attempt: name for name in names if (attempt := naming.attempt_of_raw(name)) is not None}
        asked = [attempt for attempt, name in attempts.items() if not self._is_known(attempt, name)]
        unrecorded = await self._store.unrecorded(asked) if asked else ()
        for attempt, campaign in unrecorded:
            raw = attempts[attempt]
            if self._is_known(attempt, raw):
                continue
            if campaign is None:
                self._refuse(_Refuse(raw, stray=True))
            else:
                log.warning("recording.adopted", attempt=attempt)
                self._queued.add(attempt)
                path = naming.archive_path(attempt, self._clock.now())
                self._queue.put_nowait(_Job(attempt, campaign, path, raw, adopted=True, repair=True))
        return len(unrecorded)

    def _is_known(self, attempt: AttemptId, raw: str) -> bool:
        return attempt in self._open or attempt in self._queued or raw in self._refused

    def _refuse(self, refuse: _Refuse) -> None:
        if refuse.raw not in self._refused:
            self._refused.add(refuse.raw)
            self._queue.put_nowait(refuse)

    async def _repair_now_and_then(self) -> None:
        # Not the pipeline's own sleeper: this one waits for no file.
        while True:
            await asyncio.sleep(self._repair_s)
            try:
                await self.repair()
            except (DialerError, OSError) as error:
                log.warning("recordings.not_repaired", reason=type(error).__name__)

    # ---- begin --------------------------------------------------------------------------------

    async def _begin(self, attempt: AttemptId, campaign: CampaignId, path: str) -> bool:
        """Write the row at once; true if it was written."""
        try:
            await self._store.begin(attempt, campaign, path, self._clock.now())
        except Exception as error:  # the row is tried again when the call has ended
            log.warning("recording.row_delayed", attempt=attempt, reason=type(error).__name__)
            return False
        return True

    # ---- workers ------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            item = await self._queue.get()
            about: dict[str, object] = (
                {"raw": item.raw}
                if isinstance(item, _Refuse)
                else {"attempt": item.attempt if isinstance(item, _Job) else item}
            )
            try:
                await self._carry_out(item)
            except OSError as error:
                self.counts.deferred += 1
                log.error("recording.disk_failed", reason=os.strerror(error.errno or 0), **about)
            except DialerError as error:
                self.counts.deferred += 1
                log.error("recording.deferred", reason=type(error).__name__, **about)
            except Exception:  # one odd recording must not stop the others, nor the engine
                self.counts.deferred += 1
                log.exception("recording.failed", **about)
            finally:
                match item:
                    case _Refuse():
                        self._refused.discard(item.raw)
                    case _Job():
                        self._queued.discard(item.attempt)
                    case _:
                        self._queued.discard(item)
                self._queue.task_done()

    async def _carry_out(self, item: _Job | _Refuse | AttemptId) -> None:
        match item:
            case _Refuse():
                await self._remove_at_rest(item)
            case _Job():
                await self._complete(item)
            case _:
                job = await self._find(item)
                if job is not None:
                    await self._complete(job)

    async def _remove_at_rest(self, refuse: _Refuse) -> None:
        """What still grows is left to a later repair."""
        match await self._wait_for_rest(refuse.raw, at_once=refuse.stray):
            case Rest.MISSING:
                return
            case Rest.GROWING:
                if not refuse.stray:
                    log.warning("recording.still_growing", raw=refuse.raw)
            case Rest.FINISHED:
                await self._in_thread(lambda: files.remove_below(self._spool, refuse.raw))
                self.counts.discarded += 1
                if refuse.stray:
                    log.info("recording.stray_removed", raw=refuse.raw)

    async def _find(self, attempt: AttemptId) -> _Job | None:
        """The job of a call that an earlier process began to record; None if it was not recorded."""
        raw = naming.raw_name(customer_channel(attempt))
        if await asyncio.to_thread(files.size_below, self._spool, raw) is None:
            return None
        for known, campaign, path in await self._store.unfinished():
            if known == attempt:
                return _Job(attempt, campaign, path, raw)
        return None

    async def _complete(self, job: _Job) -> None:
        if job.adopted or (job.begun is not None and not await job.begun):
            await self._persistently(lambda: self._begin_late(job))
        if not naming.is_archive_path(job.path, job.attempt):
            await self._lose(job, "the row names a path that is not one of ours")
            return
        # only an earlier process may have archived it: a file met by a fresh attempt is another database's
        facts = await self._in_thread(lambda: self._archived(job)) if job.begun is None and not job.adopted else None
        if facts is None:
            facts = await self._archive_at_rest(job)
        if facts is None:
            return
        # raw goes before the row: a WAV beside an unfinished row is repaired, a raw file beside a finished one stays
        try:
            await self._in_thread(lambda: files.remove_below(self._spool, job.raw))
        except OSError as error:  # the WAV is safe; whoever looks after the spool folder has to clean it
            log.error("recording.raw_not_removed", attempt=job.attempt, reason=os.strerror(error.errno or 0))
        row = RecordingRow(job.attempt, job.campaign, job.path, facts.size_bytes, facts.duration_ms, facts.sha256)
        await self._persistently(lambda: self._store.stored(row))
        self.counts.stored += 1
        log.info("recording.stored", attempt=job.attempt, bytes=facts.size_bytes, duration_ms=facts.duration_ms)

    async def _archive_at_rest(self, job: _Job) -> audio.WavFacts | None:
        """Convert the raw file once it rests; None if there is nothing to store (now)."""
        for _ in range(self._rest.rounds):
            rest = await self._wait_for_rest(job.raw, at_once=job.repair)
            if rest is Rest.MISSING:
                await self._lose(job, "no file")
                return None
            if rest is Rest.GROWING:
                break
            try:
                facts = await self._in_thread(lambda: self._convert(job))
            except audio.BadAudio as error:
                await self._lose(job, str(error))
                return None
            if await self._in_thread(lambda: self._raw_frames(job)) <= facts.frames:
                return facts
        if job.repair:
            log.info("recording.alive", attempt=job.attempt)
        else:
            self.counts.deferred += 1
            log.warning("recording.still_growing", attempt=job.attempt)
        return None

    async def _begin_late(self, job: _Job) -> None:
        with suppress(AlreadyExists):  # the first try was written, only its reply was lost
            await self._store.begin(job.attempt, job.campaign, job.path, self._clock.now())

    async def _lose(self, job: _Job, reason: str) -> None:
        if await self._in_thread(lambda: self._raw_frames(job)) == 0:
            await self._in_thread(lambda: files.remove_below(self._spool, job.raw))
        await self._persistently(lambda: self._store.lost(job.attempt))
        self.counts.lost += 1
        log.error("recording.lost", attempt=job.attempt, campaign=job.campaign, reason=reason)

    async def _persistently(self, write: Callable[[], Awaitable[None]]) -> None:
        """Repeat while the database is away; raises Unavailable when patience ends."""
        for left in reversed(range(self._store_tries)):
            try:
                await write()
                return
            except Unavailable:
                if not left:
                    raise
                await self._sleep(self._store_retry_s)

    async def _wait_for_rest(self, raw: str, *, at_once: bool) -> Rest:
        return await wait_for_rest(self._spool, raw, self._rest, self._sleep, at_once=at_once)

    # ---- in a thread --------------------------------------------------------------------------

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _raw_frames(self, job: _Job) -> int:
        return (files.size_below(self._spool, job.raw) or 0) // audio.FRAME_BYTES

    def _archived(self, job: _Job) -> audio.WavFacts | None:
        """The WAV that an earlier process put into place before it could write the row."""
        try:
            with files.open_below(self._archive, job.path) as wav:
                return audio.check_wav(wav)
        except (NotFound, audio.BadAudio):
            return None

    def _convert(self, job: _Job) -> audio.WavFacts:
        with (
            files.open_below(self._spool, job.raw) as raw,
            files.replace_below(self._archive, job.path) as wav,
        ):
            return audio.write_wav(raw, wav)
