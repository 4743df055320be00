from __future__ import annotations

import hashlib
import io
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import audio

pytestmark = pytest.mark.unit


def tone(hz: float, amplitude: float, seconds: float) -> npt.NDArray[np.int16]:
    at = np.arange(int(seconds * audio.RATE_HZ)) / audio.RATE_HZ
    return (amplitude * 32767 * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def interleave(left: npt.NDArray[np.int16], right: npt.NDArray[np.int16]) -> bytes:
    return np.column_stack((left, right)).astype("<i2").tobytes()


def convert(folder: Path, raw: bytes) -> tuple[audio.WavFacts, Path]:
    (folder / "in.raw").write_bytes(raw)
    with (folder / "in.raw").open("rb") as source, (folder / "out.wav").open("w+b") as target:
        return audio.write_wav(source, target), folder / "out.wav"


@given(frames=st.integers(1, 40_000), odd=st.integers(0, 3), seed=st.integers(0, 255))
def test_any_length_becomes_a_wav_that_others_can_read(
    tmp_path_factory: pytest.TempPathFactory, frames: int, odd: int, seed: int
) -> None:
    raw = bytes((seed + i) % 256 for i in range(4)) * frames + b"\x01" * odd
    facts, path = convert(tmp_path_factory.mktemp("wav"), raw)
    content = path.read_bytes()
    assert (facts.frames, facts.size_bytes) == (frames, len(content))
    assert facts.duration_ms == frames * 1000 // 8000
    assert facts.sha256 == hashlib.sha256(content).digest()
    with wave.open(str(path)) as seen:
        assert (seen.getnchannels(), seen.getsampwidth(), seen.getframerate()) == (2, 2, 8000)
        assert seen.readframes(frames + 1) == raw[: frames * 4]
    with path.open("rb") as wav:
        assert audio.check_wav(wav) == facts


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x01\x02\x03"])
def test_no_whole_frame_is_no_audio(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(audio.BadAudio, match="holds no audio"):
        convert(tmp_path, raw)


def test_the_customer_is_on_the_left_and_the_agent_on_the_right(tmp_path: Path) -> None:
    customer, agent = tone(440, 0.5, 1), tone(1000, 0.25, 1)
    _, path = convert(tmp_path, interleave(customer, agent))
    with path.open("rb") as wav:
        left, right = audio.read_sides(wav)
    assert np.array_equal(left, customer)
    assert np.array_equal(right, agent)
    assert audio.tone_level(left, 8000, 440) == pytest.approx(0.5, abs=0.002)
    assert audio.tone_level(right, 8000, 1000) == pytest.approx(0.25, abs=0.002)
    assert audio.tone_level(left, 8000, 1000) < 0.001
    assert audio.tone_level(right, 8000, 440) < 0.001


@given(hz=st.integers(100, 3900), amplitude=st.floats(0.05, 1.0), phase_offset=st.integers(0, 79))
def test_a_level_does_not_depend_on_pitch_or_phase(hz: int, amplitude: float, phase_offset: int) -> None:
    samples = tone(hz, amplitude, 0.5)[phase_offset:]
    assert audio.tone_level(samples, 8000, hz) == pytest.approx(amplitude, rel=0.02)


def test_silence_and_nothing_have_no_tone() -> None:
    assert audio.tone_level(np.zeros(800, dtype=np.int16), 8000, 440) == 0
    assert audio.tone_level(np.zeros(0, dtype=np.int16), 8000, 440) == 0


@pytest.mark.parametrize("change", [b"tail", b"1", -1, -4])
def test_a_wav_whose_header_does_not_fit_its_length_is_refused(tmp_path: Path, change: bytes | int) -> None:
    _, path = convert(tmp_path, b"\x01\x02\x03\x04" * 100)
    content = path.read_bytes()
    path.write_bytes(content + change if isinstance(change, bytes) else content[:change])
    with path.open("rb") as wav, pytest.raises(audio.BadAudio, match="header does not fit"):
        audio.check_wav(wav)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\0" * 400, audio.wav_header(0)])
def test_anything_else_is_not_a_recording(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with path.open("rb") as wav, pytest.raises(audio.BadAudio):
        audio.check_wav(wav)


def test_a_header_counts_in_32_bits() -> None:
    largest = (2**32 - 1 - 36) // 4 * 4
    assert len(audio.wav_header(largest)) == 44
    with pytest.raises(audio.BadAudio, match="does not fit"):
        audio.wav_header(largest + 4)
    with pytest.raises(audio.BadAudio, match="does not fit"):
        audio.wav_header(6)


class ShrinkingFile(io.FileIO):
    """Another process truncates the file after its size was taken."""

    def read(self, size: int | None = -1, /) -> bytes:
        self.truncate(4000)
        return super().read(size)


def test_a_file_that_shrinks_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.raw"
    path.write_bytes(b"\1\2\3\4" * 50_000)
    with ShrinkingFile(path, "r+") as raw, pytest.raises(audio.BadAudio, match="ended 196000 bytes early"):
        audio.write_wav(raw, io.BytesIO())


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    path = tmp_path / "hour.raw"
    with path.open("wb") as hour:
        hour.truncate(8000 * 4 * 3600)
    tracemalloc.start()
    with path.open("rb") as raw, (tmp_path / "hour.wav").open("w+b") as target:
        facts = audio.write_wav(raw, target)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert facts.duration_ms == 3_600_000
    assert peak < 1_000_000
