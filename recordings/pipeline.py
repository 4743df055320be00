"""Each recorded attempt's way from MixMonitor's raw file to a WAV in the archive and a row in the store.

    start ─► row 'recording' + MixMonitor ─► (the call) ─► finish ─► raw file at rest ─► WAV, synced,
    renamed into place ─► raw removed ─► row 'stored'            no audio ─► row 'lost'

No step is waited for by a call. After a crash at any point either the raw file or the whole WAV is
there with a row in state 'recording', which is what `repair` goes by.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import structlog

from domain.clock import Clock
from domain.errors import AlreadyExists, DialerError, NotFound, Unavailable
from domain.ids import AttemptId, CampaignId
from domain.ports import CallRecorder
from domain.records import RecordingRow
from domain.stores import RecordingStore
from recordings import audio, files, naming

log = structlog.get_logger(__name__)

T = TypeVar("T")

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RestRule:
    """When a raw file counts as finished; seconds.

    Asterisk reports no end of a MixMonitor whose channel hung up, so the file's size tells. It writes
    through a buffer of 32 KiB, about 1 s of stereo, so that only a longer rest means a closed file.

    poll_s: between two looks. rest_s: unchanged for so long. missing_s: patience for a file that is not
    there. growing_s: patience for one that keeps growing although its channel ended. rounds: how often
    one that rested, and had grown once it was converted, is waited for again.
    """

    poll_s: float = 0.25
    rest_s: float = 1.5
    missing_s: float = 3.0
    growing_s: float = 30.0
    rounds: int = 3


class _Rest(StrEnum):
    FINISHED = "finished"
    MISSING = "missing"
    GROWING = "growing"


@dataclass(slots=True)
class PipelineCounts:
    """Since the start of the process. deferred: left for the next `repair` (disk or database trouble)."""

    started: int = 0
    not_started: int = 0
    stored: int = 0
    lost: int = 0
    deferred: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    attempt: AttemptId
    campaign: CampaignId
    path: str
    begun: asyncio.Task[bool] | None  # None: found by repair, the row exists
    repair: bool = False


class RecordingPipeline:
    """Use as an async context: entering starts the workers, leaving lets them finish what is queued.

    spool_dir: where Asterisk writes (it and this process both need to write there). archive_dir: where
    the WAV files live. workers: threads that read and write audio. watchers: files watched at a time
    until they rest. drain_s: patience when leaving.
    """

    def __init__(
        self,
        store: RecordingStore,
        recorder: CallRecorder,
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
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._spool = spool_dir
        self._archive = archive_dir
        self._clock = clock
        self._sleep = sleep
        self._watchers = watchers
        self._rest = rest or RestRule()
        self._store_retry_s = store_retry_s
        self._store_tries = store_tries
        self._drain_s = drain_s
        self.counts = PipelineCounts()
        self._open: dict[AttemptId, _Job] = {}  # started here, not finished
        self._queued: set[AttemptId] = set()
        self._queue: asyncio.Queue[_Job | AttemptId] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="recordings")

    async def __aenter__(self) -> Self:
        for folder in (self._spool, self._archive):
            folder.mkdir(parents=True, exist_ok=True)
        for number in range(self._watchers):
            task = asyncio.create_task(self._work(), name=f"recordings-{number}")
            self._tasks.add(task)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_s):
                await self.drain()
        if left := len(self._queued) + len(self._open):
            log.warning("recordings.left_for_repair", count=left)
        begins = [job.begun for job in self._open.values() if job.begun]
        for task in (*self._tasks, *begins):
            task.cancel()
        await asyncio.gather(*self._tasks, *begins, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def backlog(self) -> int:
        """Recordings whose call ended and that are not yet stored or lost."""
        return len(self._queued)

    # ---- what the engine calls; none of it waits -----------------------------------------------

    def start(self, attempt: AttemptId, campaign: CampaignId, channel: str) -> None:
        """Record this channel from now on. A second start of the same attempt does nothing."""
        if attempt in self._open or attempt in self._queued:
            return
        path = naming.archive_path(attempt, self._clock.now())
        begun = asyncio.create_task(self._begin(attempt, campaign, path, channel))
        self._open[attempt] = _Job(attempt, campaign, path, begun)

    def finish(self, attempt: AttemptId) -> None:
        """The channel ended. An attempt that was never recorded is passed over."""
        if attempt in self._queued:
            return
        self._queued.add(attempt)
        self._queue.put_nowait(self._open.pop(attempt, attempt))

    async def drain(self) -> None:
        """Wait until everything finished so far is stored, lost or deferred."""
        await self._queue.join()

    async def repair(self) -> int:
        """Queue what a crash left unfinished and return how many; safe at any time, meant for the start.

        A raw file that still grows belongs to a call that is alive and is left alone. Raises Unavailable.
        """
        unfinished = await self._store.unfinished()
        known = {attempt for attempt, _, _ in unfinished} | self._open.keys() | self._queued
        for attempt, campaign, path in unfinished:
            if attempt not in self._open and attempt not in self._queued:
                self._queued.add(attempt)
                self._queue.put_nowait(_Job(attempt, campaign, path, begun=None, repair=True))
        for name in await asyncio.to_thread(os.listdir, self._spool):
            attempt_or_none = naming.attempt_of_raw(name)
            if attempt_or_none is not None and attempt_or_none not in known:
                log.warning("recording.file_without_row", attempt=attempt_or_none)
        return len(unfinished)

    # ---- begin --------------------------------------------------------------------------------

    async def _begin(self, attempt: AttemptId, campaign: CampaignId, path: str, channel: str) -> bool:
        """Write the row and start MixMonitor, at once; true if the row was written."""
        begun, _ = await asyncio.gather(self._begin_row(attempt, campaign, path), self._begin_file(attempt, channel))
        return begun

    async def _begin_row(self, attempt: AttemptId, campaign: CampaignId, path: str) -> bool:
        try:
            await self._store.begin(attempt, campaign, path, self._clock.now())
        except Exception as error:  # the row is tried again when the call has ended
            log.warning("recording.row_delayed", attempt=attempt, reason=type(error).__name__)
            return False
        return True

    async def _begin_file(self, attempt: AttemptId, channel: str) -> None:
        try:
            await self._recorder.start(channel, self._spool.absolute() / naming.raw_name(attempt))
            self.counts.started += 1
        except Exception as error:  # it may record all the same (reply lost): the file tells at the end
            self.counts.not_started += 1
            log.error("recording.not_started", attempt=attempt, reason=type(error).__name__)

    # ---- workers ------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            item = await self._queue.get()
            attempt = item.attempt if isinstance(item, _Job) else item
            try:
                job = item if isinstance(item, _Job) else await self._find(item)
                if job is not None:
                    await self._complete(job)
            except OSError as error:
                self.counts.deferred += 1
                log.error("recording.disk_failed", attempt=attempt, reason=os.strerror(error.errno or 0))
            except DialerError as error:
                self.counts.deferred += 1
                log.error("recording.deferred", attempt=attempt, reason=type(error).__name__)
            except Exception:  # one odd recording must not stop the others, nor the engine
                self.counts.deferred += 1
                log.exception("recording.failed", attempt=attempt)
            finally:
                self._queued.discard(attempt)
                self._queue.task_done()

    async def _find(self, attempt: AttemptId) -> _Job | None:
        """The job of a call that an earlier process began to record; None if it was not recorded."""
        if await asyncio.to_thread(files.size_below, self._spool, naming.raw_name(attempt)) is None:
            return None
        for known, campaign, path in await self._store.unfinished():
            if known == attempt:
                return _Job(attempt, campaign, path, begun=None)
        return None

    async def _complete(self, job: _Job) -> None:
        if job.begun is not None and not await job.begun:
            await self._persistently(lambda: self._begin_late(job))
        if not naming.is_archive_path(job.path, job.attempt):
            await self._lose(job, "the row names a path that is not one of ours")
            return
        # only an earlier process may have archived it: a file met by a fresh attempt is another database's
        facts = await self._in_thread(lambda: self._archived(job)) if job.begun is None else None
        if facts is None:
            facts = await self._archive_at_rest(job)
        if facts is None:
            return
        # raw goes before the row: a WAV beside an unfinished row can be repaired, a stray raw file cannot be told apart
        try:
            await self._in_thread(lambda: files.remove_below(self._spool, naming.raw_name(job.attempt)))
        except OSError as error:  # the WAV is safe; whoever looks after the spool folder has to clean it
            log.error("recording.raw_not_removed", attempt=job.attempt, reason=os.strerror(error.errno or 0))
        row = RecordingRow(job.attempt, job.campaign, job.path, facts.size_bytes, facts.duration_ms, facts.sha256)
        await self._persistently(lambda: self._store.stored(row))
        self.counts.stored += 1
        log.info("recording.stored", attempt=job.attempt, bytes=facts.size_bytes, duration_ms=facts.duration_ms)

    async def _archive_at_rest(self, job: _Job) -> audio.WavFacts | None:
        """Convert the raw file once it rests; None if there is nothing to store (now)."""
        for _ in range(self._rest.rounds):
            rest = await self._wait_for_rest(job)
            if rest is _Rest.MISSING:
                await self._lose(job, "no file")
                return None
            if rest is _Rest.GROWING:
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
            await self._in_thread(lambda: files.remove_below(self._spool, naming.raw_name(job.attempt)))
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

    async def _wait_for_rest(self, job: _Job) -> _Rest:
        """Watch the raw file until its size rests. A repaired job gives way as soon as it grows."""
        rule = self._rest
        size: int | None = None
        rested = waited = 0.0
        while True:
            now = await asyncio.to_thread(files.size_below, self._spool, naming.raw_name(job.attempt))
            if now is None and waited >= rule.missing_s:
                return _Rest.MISSING
            if now is not None and now == size:
                rested += rule.poll_s
                if rested >= rule.rest_s:
                    return _Rest.FINISHED
            elif now is not None:
                if size is not None and (job.repair or waited >= rule.growing_s):
                    return _Rest.GROWING
                rested = 0.0
            size = now
            await self._sleep(rule.poll_s)
            waited += rule.poll_s

    # ---- in a thread --------------------------------------------------------------------------

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _raw_frames(self, job: _Job) -> int:
        return (files.size_below(self._spool, naming.raw_name(job.attempt)) or 0) // audio.FRAME_BYTES

    def _archived(self, job: _Job) -> audio.WavFacts | None:
        """The WAV that an earlier process put into place before it could write the row."""
        try:
            with files.open_below(self._archive, job.path) as wav:
                return audio.check_wav(wav)
        except (NotFound, audio.BadAudio):
            return None

    def _convert(self, job: _Job) -> audio.WavFacts:
        with (
            files.open_below(self._spool, naming.raw_name(job.attempt)) as raw,
            files.replace_below(self._archive, job.path) as wav,
        ):
            return audio.write_wav(raw, wav)
