"""From MixMonitor's raw stereo to a WAV file, and measurements on it.

Asterisk's MixMonitor with option `D` writes interleaved 16-bit little-endian signed linear samples at
8 kHz: even samples are what the channel says (left: the customer), odd ones what it hears (right: the
agent). A stereo WAV keeps samples in that very order, so that converting is a header and a copy.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from domain.errors import DialerError

RATE_HZ = 8000
_CHANNELS = 2
_SAMPLE_BYTES = 2
FRAME_BYTES = _CHANNELS * _SAMPLE_BYTES
HEADER_BYTES = 44
_CHUNK_BYTES = 1 << 16
#: RIFF counts in 32 bits everything behind its first 8 bytes.
_MAX_DATA_BYTES = (0xFFFFFFFF - (HEADER_BYTES - 8)) // FRAME_BYTES * FRAME_BYTES

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class BadAudio(DialerError):
    """The file is no recording that this pipeline makes: says what does not fit."""


@dataclass(frozen=True, slots=True)
class WavFacts:
    """frames: pairs of samples; size_bytes: of the whole file; sha256: of the whole file, header included."""

    frames: int
    size_bytes: int
    sha256: bytes

    @property
    def duration_ms(self) -> int:
        return self.frames * 1000 // RATE_HZ


def wav_header(data_bytes: int) -> bytes:
    """The 44 bytes before `data_bytes` of 16-bit stereo at 8 kHz (WAVE, format PCM). Raises BadAudio."""
    if data_bytes % FRAME_BYTES or not 0 <= data_bytes <= _MAX_DATA_BYTES:
        raise BadAudio(f"audio of {data_bytes} bytes does not fit a stereo WAV file")
    return _HEADER.pack(
        b"RIFF",
        data_bytes + HEADER_BYTES - 8,
        b"WAVE",
        b"fmt ",
        16,
        1,
        _CHANNELS,
        RATE_HZ,
        RATE_HZ * FRAME_BYTES,
        FRAME_BYTES,
        8 * _SAMPLE_BYTES,
        b"data",
        data_bytes,
    )


def write_wav(raw: BinaryIO, target: BinaryIO) -> WavFacts:
    """Copy a raw file, as long as it is now, into a WAV; constant memory.

    An incomplete frame at the end (a writer cut off in the middle) is dropped. Raises BadAudio if there
    is no whole frame, or if the file shrinks while it is read; OSError if the disk fails.
    """
    data_bytes = os.fstat(raw.fileno()).st_size // FRAME_BYTES * FRAME_BYTES
    if data_bytes == 0:
        raise BadAudio("the raw file holds no audio")
    header = wav_header(data_bytes)
    digest = hashlib.sha256(header)
    target.write(header)
    left = data_bytes
    while left:
        chunk = raw.read(min(_CHUNK_BYTES, left))
        if not chunk:
            raise BadAudio(f"the raw file ended {left} bytes early")
        digest.update(chunk)
        target.write(chunk)
        left -= len(chunk)
    return WavFacts(frames=data_bytes // FRAME_BYTES, size_bytes=HEADER_BYTES + data_bytes, sha256=digest.digest())


def check_wav(wav: BinaryIO) -> WavFacts:
    """Read a WAV from its start and measure it; constant memory.

    Raises BadAudio unless its header is one of `wav_header` and tells exactly the file's length.
    """
    size = os.fstat(wav.fileno()).st_size
    wav.seek(0)
    header = wav.read(HEADER_BYTES)
    if size <= HEADER_BYTES or (size - HEADER_BYTES) % FRAME_BYTES or header != wav_header(size - HEADER_BYTES):
        raise BadAudio(f"the WAV header does not fit a file of {size} bytes")
    digest = hashlib.sha256(header)
    while chunk := wav.read(_CHUNK_BYTES):
        digest.update(chunk)
    return WavFacts(frames=(size - HEADER_BYTES) // FRAME_BYTES, size_bytes=size, sha256=digest.digest())


def read_sides(wav: BinaryIO) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Both sides of a checked WAV, whole, in memory: (customer, agent). Raises BadAudio."""
    check_wav(wav)
    wav.seek(HEADER_BYTES)
    frames = np.frombuffer(wav.read(), dtype="<i2").reshape(-1, _CHANNELS).astype(np.int16)
    return frames[:, 0], frames[:, 1]


def tone_level(samples: npt.NDArray[np.int16], rate_hz: int, tone_hz: float) -> float:
    """Amplitude of the sine at `tone_hz`, 0 (absent) to 1 (full scale).

    One bin of the discrete Fourier transform under a Hann window: 2 |sum w x e^(-2 pi i f t)| / sum w.
    Tones nearer than about 4 / (length in seconds) Hz to each other are not told apart.
    """
    if samples.size == 0:
        return 0.0
    window = np.hanning(samples.size + 2)[1:-1]
    phase = np.exp(-2j * math.pi * tone_hz / rate_hz * np.arange(samples.size))
    return float(2 * np.abs(np.sum(window * samples / 32768.0 * phase)) / np.sum(window))
