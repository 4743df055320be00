from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.ids import AttemptId, CampaignId
from recordings import audio, files
from recordings.pipeline import RecordingPipeline
from recordings.rest import RestRule
from tests.integration.recordings.fakes import FRAME, FixedClock, MemoryRecordingStore, SlowSwitch, StoredRow

pytestmark = pytest.mark.integration

CAMPAIGN = CampaignId(3)
PATH = "2026/11/21/{:012d}.wav"


class Bench:
    """The pipeline between its fakes, with folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.store = MemoryRecordingStore()
        self.spool = folder / "spool"
        self.switch = SlowSwitch(self.spool)
        self.archive = folder / "archive"

    def pipeline(self, **options: Any) -> RecordingPipeline:
        return RecordingPipeline(
            self.store,
            self.spool,
            self.archive,
            clock=FixedClock(),
            sleep=self.switch.sleep,
            **options,
        )

    def state(self, attempt: int) -> str:
        return self.store.rows[AttemptId(attempt)].state

    def wav(self, attempt: int) -> Path:
        return self.archive / PATH.format(attempt)

    def raw(self, attempt: int) -> Path:
        return self.spool / f"pd-{attempt:012d}.raw"

    def left_by_crash(self, attempt: int, raw: bytes | None) -> None:
        self.spool.mkdir(exist_ok=True)
        self.store.rows[AttemptId(attempt)] = StoredRow(CAMPAIGN, PATH.format(attempt))
        if raw is not None:
            self.raw(attempt).write_bytes(raw)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def record(pipeline: RecordingPipeline, attempt: int) -> None:
    """A whole call; the recording has begun when it ends."""
    pipeline.start(AttemptId(attempt), CAMPAIGN, f"pd-{attempt:012d}")
    for _ in range(5):
        await asyncio.sleep(0)
    pipeline.finish(AttemptId(attempt))


@contextmanager
def disk_trouble(monkeypatch: pytest.MonkeyPatch, code: int) -> Iterator[None]:
    def refuse(raw: object, target: object) -> audio.WavFacts:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(audio, "write_wav", refuse)
        yield


async def test_a_slowly_written_file_is_archived_whole(bench: Bench) -> None:
    bench.switch.will_write("pd-000000000071", *[FRAME * 800] * 7, FRAME * 3 + b"\x01")
    async with bench.pipeline() as pipeline:
        await record(pipeline, 71)
        await pipeline.drain()
        assert pipeline.counts.stored == 1
        assert pipeline.backlog == 0
    content = bench.wav(71).read_bytes()
    assert content[44:] == FRAME * 5603
    row = bench.store.rows[AttemptId(71)].row
    assert row is not None
    assert (row.path, row.bytes, row.duration_ms) == (PATH.format(71), len(content), 700)
    assert row.sha256 == hashlib.sha256(content).digest()
    assert row.campaign == CAMPAIGN
    assert os.listdir(bench.spool) == []


async def test_a_pause_shorter_than_the_switchs_buffer_is_not_the_end(bench: Bench) -> None:
    pause = [b""] * 4  # 1 s at 0.25 s a look
    bench.switch.will_write("pd-000000000001", FRAME * 8192, *pause, FRAME * 8192, *pause, FRAME)
    async with bench.pipeline() as pipeline:
        await record(pipeline, 1)
        await pipeline.drain()
    assert bench.wav(1).stat().st_size == 44 + 4 * (2 * 8192 + 1)


async def test_what_came_after_the_rest_is_not_cut_off(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.switch.will_write("pd-000000000001", FRAME * 100)
    convert = audio.write_wav
    late = [FRAME * 50]

    def write_late(raw: Any, target: Any) -> audio.WavFacts:
        facts = convert(raw, target)
        if late:
            with bench.raw(1).open("ab") as more:
                more.write(late.pop())
        return facts

    monkeypatch.setattr(audio, "write_wav", write_late)
    async with bench.pipeline() as pipeline:
        await record(pipeline, 1)
        await pipeline.drain()
    assert bench.wav(1).stat().st_size == 44 + 4 * 150
    row = bench.store.rows[AttemptId(1)].row
    assert row is not None
    assert row.sha256 == hashlib.sha256(bench.wav(1).read_bytes()).digest()


@pytest.mark.parametrize("chunks", [[], [b""], [b"\x01\x02\x03"]], ids=["no file", "empty", "less than a frame"])
async def test_a_call_without_audio_is_lost_and_said_so(bench: Bench, chunks: list[bytes]) -> None:
    bench.switch.will_write("pd-000000000009", *chunks)
    with capture_logs() as logs:
        async with bench.pipeline() as pipeline:
            await record(pipeline, 9)
            await pipeline.drain()
            assert pipeline.counts.lost == 1
    assert bench.state(9) == "lost"
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["recording.lost"]
    assert os.listdir(bench.spool) == []
    assert not bench.wav(9).exists()


async def test_starting_and_finishing_never_wait_for_anything(bench: Bench) -> None:
    bench.store.hold = asyncio.Event()
    async with bench.pipeline(watchers=1, drain_s=0.0) as pipeline:
        for attempt in range(1, 51):
            pipeline.start(AttemptId(attempt), CAMPAIGN, f"pd-{attempt:012d}")
            pipeline.finish(AttemptId(attempt))
            pipeline.discard(f"pd-{attempt + 50:012d}")
        assert pipeline.backlog == 100
        bench.store.hold.set()
        await pipeline.drain()
        assert pipeline.backlog == 0
    assert {row.state for row in bench.store.rows.values()} == {"lost"}


async def test_conversions_run_at_most_n_at_a_time_and_off_the_loop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = audio.write_wav
    running: list[int] = []
    most = 0
    guard = threading.Lock()

    def counted(raw: Any, target: Any) -> audio.WavFacts:
        nonlocal most
        assert threading.current_thread() is not threading.main_thread()
        with guard:
            running.append(1)
            most = max(most, len(running))
        facts = convert(raw, target)
        with guard:
            running.pop()
        return facts

    monkeypatch.setattr(audio, "write_wav", counted)
    async with bench.pipeline(workers=2) as pipeline:
        for attempt in range(1, 31):
            bench.switch.will_write(f"pd-{attempt:012d}", FRAME * 1000)
            await record(pipeline, attempt)
        await pipeline.drain()
    assert {row.state for row in bench.store.rows.values()} == {"stored"}
    assert len(bench.store.rows) == 30
    assert 1 <= most <= 2


async def test_an_attempt_that_was_never_recorded_is_passed_over(bench: Bench) -> None:
    bench.store.outage = 1  # would be noticed: the database is not even asked
    async with bench.pipeline() as pipeline:
        pipeline.finish(AttemptId(5))
        pipeline.finish(AttemptId(5))
        await pipeline.drain()
        assert pipeline.counts.deferred == 0
    assert bench.store.outage == 1


async def test_a_database_outage_costs_no_recording(bench: Bench) -> None:
    bench.store.outage = 4
    bench.switch.will_write("pd-000000000002", FRAME * 10)
    async with bench.pipeline() as pipeline:
        await record(pipeline, 2)
        await pipeline.drain()
    assert bench.state(2) == "stored"
    assert bench.store.outage == 0


async def test_a_begin_whose_reply_was_lost_is_not_begun_twice(bench: Bench) -> None:
    bench.store.forget_reply = True
    bench.switch.will_write("pd-000000000002", FRAME * 10)
    async with bench.pipeline() as pipeline:
        await record(pipeline, 2)
        await pipeline.drain()
    assert bench.state(2) == "stored"


async def test_a_long_outage_leaves_the_archived_file_to_repair(bench: Bench) -> None:
    bench.switch.will_write("pd-000000000002", FRAME * 10)
    async with bench.pipeline(store_tries=3) as pipeline:
        pipeline.start(AttemptId(2), CAMPAIGN, "pd-000000000002")
        for _ in range(5):
            await asyncio.sleep(0)
        bench.store.outage = 1000
        pipeline.finish(AttemptId(2))
        await pipeline.drain()
        assert pipeline.counts.deferred == 1
        assert bench.state(2) == "recording"
        assert bench.wav(2).exists()
        bench.store.outage = 0
        assert await pipeline.repair() == 1
        await pipeline.drain()
    assert bench.state(2) == "stored"
    row = bench.store.rows[AttemptId(2)].row
    assert row is not None
    assert row.sha256 == hashlib.sha256(bench.wav(2).read_bytes()).digest()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
async def test_a_full_disk_raises_the_alarm_and_keeps_the_raw_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    bench.switch.will_write("pd-000000000006", FRAME * 10)
    async with bench.pipeline() as pipeline:
        with disk_trouble(monkeypatch, code), capture_logs() as logs:
            await record(pipeline, 6)
            await pipeline.drain()
        assert [(e["event"], e["reason"]) for e in logs if e["log_level"] == "error"] == [
            ("recording.disk_failed", os.strerror(code))
        ]
        assert bench.raw(6).exists()
        assert not list(bench.archive.rglob("*.*"))
        await pipeline.repair()  # room was made
        await pipeline.drain()
    assert bench.state(6) == "stored"


async def test_a_raw_file_that_cannot_be_removed_costs_no_recording(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(root: Path, relative: str) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(files, "remove_below", refuse)
    bench.switch.will_write("pd-000000000006", FRAME * 10)
    with capture_logs() as logs:
        async with bench.pipeline() as pipeline:
            await record(pipeline, 6)
            await pipeline.drain()
    assert bench.state(6) == "stored"
    assert "recording.raw_not_removed" in [entry["event"] for entry in logs]


async def test_an_unforeseen_failure_does_not_stop_the_workers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(raw: object, target: object) -> audio.WavFacts:
        raise ZeroDivisionError

    bench.switch.will_write("pd-000000000001", FRAME)
    bench.switch.will_write("pd-000000000002", FRAME)
    async with bench.pipeline(watchers=1) as pipeline:
        with monkeypatch.context() as patch:
            patch.setattr(audio, "write_wav", explode)
            await record(pipeline, 1)
            await pipeline.drain()
        await record(pipeline, 2)
        await pipeline.drain()
        assert (pipeline.counts.deferred, pipeline.counts.stored) == (1, 1)
    assert (bench.state(1), bench.state(2)) == ("recording", "stored")


async def test_repair_finishes_what_a_crash_left(bench: Bench) -> None:
    bench.left_by_crash(1, FRAME * 20)  # the raw file is whole
    bench.left_by_crash(2, None)  # nothing was ever written
    bench.left_by_crash(3, b"")
    bench.left_by_crash(4, FRAME * 30)  # archived, the raw file not yet removed
    with files.replace_below(bench.archive.parent, "archive/" + PATH.format(4)) as wav, bench.raw(4).open("rb") as raw:
        audio.write_wav(raw, wav)
    bench.left_by_crash(5, FRAME * 40)  # cut off while archiving
    bench.wav(5).with_name(f".{bench.wav(5).name}.part").write_bytes(b"RIFF")
    async with bench.pipeline() as pipeline:
        assert await pipeline.repair() == 5
        assert await pipeline.repair() == 5  # a second one queues nothing twice
        await pipeline.drain()
        assert (pipeline.counts.stored, pipeline.counts.lost) == (3, 2)
    assert {attempt: bench.state(attempt) for attempt in range(1, 6)} == {
        1: "stored",
        2: "lost",
        3: "lost",
        4: "stored",
        5: "stored",
    }
    assert os.listdir(bench.spool) == []
    assert sorted(p.name for p in bench.archive.rglob("*.*")) == [bench.wav(i).name for i in (1, 4, 5)]


async def test_repair_leaves_a_living_call_alone_until_it_ends(bench: Bench) -> None:
    bench.left_by_crash(7, FRAME * 10)
    bench.switch.will_write("pd-000000000007", *[FRAME * 10] * 3)
    async with bench.pipeline() as pipeline:
        await pipeline.repair()
        await pipeline.drain()
        assert bench.state(7) == "recording"
        pipeline.finish(AttemptId(7))  # the adopted call has ended
        await pipeline.drain()
    assert bench.state(7) == "stored"
    assert bench.wav(7).stat().st_size == 44 + 4 * 40


async def test_a_file_that_never_rests_is_left_to_repair(bench: Bench) -> None:
    bench.switch.will_write("pd-000000000008", *[FRAME] * 10_000)
    with capture_logs() as logs:
        async with bench.pipeline(rest=RestRule(growing_s=5.0)) as pipeline:
            await record(pipeline, 8)
            await pipeline.drain()
    assert bench.state(8) == "recording"
    assert bench.switch.slept_s < 6
    assert "recording.still_growing" in [entry["event"] for entry in logs]


@pytest.mark.parametrize("path", ["../../etc/x.wav", "/etc/x.wav", "2026/11/21/000000000099.wav"])
async def test_a_forged_path_in_the_database_writes_nothing(bench: Bench, path: str) -> None:
    bench.left_by_crash(1, FRAME)
    bench.store.rows[AttemptId(1)].path = path
    async with bench.pipeline() as pipeline:
        await pipeline.repair()
        await pipeline.drain()
    assert bench.state(1) == "lost"
    assert not list(bench.archive.rglob("*"))
    assert bench.raw(1).exists()


async def test_a_link_planted_in_the_spool_is_not_archived(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(FRAME * 100)
    bench.left_by_crash(1, None)
    bench.raw(1).symlink_to(secret)
    async with bench.pipeline() as pipeline:
        await pipeline.repair()
        await pipeline.drain()
    assert bench.state(1) == "lost"
    assert not list(bench.archive.rglob("*"))
    assert secret.read_bytes() == FRAME * 100


async def test_a_call_that_was_never_bridged_leaves_no_file_and_no_row(bench: Bench) -> None:
    bench.switch.will_write("pd-000000000001", *[FRAME * 100] * 5)
    async with bench.pipeline() as pipeline:
        pipeline.discard("pd-000000000001")
        pipeline.discard("pd-000000000001")
        pipeline.discard("pd-000000000002")  # hung up before the switch could write
        assert pipeline.backlog == 2
        await pipeline.drain()
        assert (pipeline.counts.discarded, pipeline.counts.deferred, pipeline.backlog) == (1, 0, 0)
    assert os.listdir(bench.spool) == []
    assert bench.store.rows == {}
    assert not list(bench.archive.rglob("*"))


async def test_discarding_reaches_nothing_outside_the_spool(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside.raw"
    outside.write_bytes(FRAME)
    async with bench.pipeline() as pipeline:
        pipeline.discard("../outside")
        await pipeline.drain()
    assert outside.exists()


async def test_raw_files_without_a_row_are_adopted_removed_or_left_alone(bench: Bench) -> None:
    bench.spool.mkdir()
    for attempt in (11, 12, 13, 14, 15):
        bench.raw(attempt).write_bytes(FRAME * 10)
    bench.store.bridged[AttemptId(11)] = CAMPAIGN  # a conversation whose row was never written
    bench.store.in_flight.add(AttemptId(13))  # may be talking, with another engine
    bench.switch.will_write("pd-000000000014", *[FRAME] * 5)  # over for the database, alive on the switch
    bench.store.rows[AttemptId(15)] = StoredRow(CAMPAIGN, PATH.format(15), state="lost")  # kept as evidence
    (bench.spool / "notes.txt").write_text("not ours")
    (bench.spool / "ag-000001-000000001.raw").write_bytes(FRAME)
    async with bench.pipeline() as pipeline:
        assert await pipeline.repair() == 3
        assert await pipeline.sweep() == 0  # nothing is queued twice
        await pipeline.drain()
        assert (pipeline.counts.stored, pipeline.counts.discarded, pipeline.counts.lost) == (1, 1, 0)
        assert bench.wav(11).stat().st_size == 44 + 40
        assert bench.state(11) == "stored"
        assert sorted(os.listdir(bench.spool)) == [
            "ag-000001-000000001.raw",
            "notes.txt",
            *(bench.raw(attempt).name for attempt in (13, 14, 15)),
        ]
        bench.switch.will_write("pd-000000000014")
        bench.store.in_flight.clear()
        assert await pipeline.sweep() == 2
        await pipeline.drain()
        assert pipeline.counts.discarded == 3
    assert sorted(bench.store.rows) == [11, 15]


async def test_a_sweep_leaves_the_calls_of_this_engine_alone(bench: Bench) -> None:
    bench.store.outage = 1  # the row is not there yet
    async with bench.pipeline() as pipeline:
        pipeline.start(AttemptId(1), CAMPAIGN, "pd-000000000001")
        bench.raw(1).write_bytes(FRAME)
        for _ in range(5):
            await asyncio.sleep(0)
        assert await pipeline.sweep() == 0
        pipeline.finish(AttemptId(1))
        assert await pipeline.sweep() == 0
        await pipeline.drain()
    assert bench.state(1) == "stored"


async def test_repair_is_done_now_and_then_also_after_an_outage(bench: Bench) -> None:
    bench.left_by_crash(4, FRAME * 10)  # its call was alive at the start
    bench.raw(5).write_bytes(FRAME)
    bench.store.outage = 2
    with capture_logs() as logs:
        async with bench.pipeline(repair_s=0.001) as pipeline, asyncio.timeout(5):
            while bench.raw(5).exists() or bench.state(4) != "stored":  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.001)
            assert pipeline.counts.deferred == 0
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["recordings.not_repaired"] * 2


async def test_leaving_finishes_what_is_queued(bench: Bench) -> None:
    async with bench.pipeline() as pipeline:
        for attempt in range(1, 11):
            bench.switch.will_write(f"pd-{attempt:012d}", FRAME * 10)
            await record(pipeline, attempt)
    assert {row.state for row in bench.store.rows.values()} == {"stored"}


async def test_leaving_in_haste_leaves_the_rest_to_repair(bench: Bench) -> None:
    with capture_logs() as logs:
        async with bench.pipeline(drain_s=0.0) as pipeline:
            await record(pipeline, 1)
            pipeline.start(AttemptId(2), CAMPAIGN, "pd-000000000002")
            await asyncio.sleep(0)
    assert [entry["count"] for entry in logs if entry["event"] == "recordings.left_for_repair"] == [2]
    bench.raw(2).write_bytes(FRAME * 10)
    async with bench.pipeline() as later:
        await later.repair()
    assert (bench.state(1), bench.state(2)) == ("lost", "stored")
