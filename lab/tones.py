"""Who speaks is heard by the pitch: one pure tone for each party of the lab, written and measured here.

All sound is 8 kHz, 16 bit, mono: what a telephone carries.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8000
#: None is a harmonic of another, none is a tone of the keypad.
F_CUSTOMER = 440.0
F_MESSAGE = 700.0
F_AGENT = 1000.0

_AMPLITUDE = 0.25
_FULL_SCALE = 32767
_WAV_HEADER = 44

Samples = NDArray[np.float64]


def tone(frequency: float, seconds: float) -> Samples:
    """A pure tone with soft edges, in -1..1."""
    count = round(seconds * RATE)
    samples = _AMPLITUDE * np.sin(2 * np.pi * frequency * np.arange(count) / RATE)
    edge = min(count // 2, RATE // 100)
    if edge:
        ramp = np.linspace(0.0, 1.0, edge)
        samples[:edge] *= ramp
        samples[-edge:] *= ramp[::-1]
    return np.asarray(samples, dtype=np.float64)


def room(seconds: float, seed: int = 1) -> Samples:
    """Faint noise: a line with nobody speaking is never perfectly silent."""
    return np.random.default_rng(seed).normal(0.0, 0.002, round(seconds * RATE))


def write_wav(path: Path, samples: Samples) -> None:
    clipped = np.clip(samples, -1.0, 1.0)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((clipped * _FULL_SCALE).astype("<i2").tobytes())


def read_wav(path: Path) -> Samples:
    """The samples of a recording, in -1..1, also while it is still being written.

    Asterisk fills in the length of a file when it closes it, so everything after the header counts.
    """
    data = path.read_bytes()[_WAV_HEADER:]
    return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.float64) / _FULL_SCALE


def level(samples: Samples, frequency: float) -> float:
    """Amplitude of one frequency in 0..1: the projection on a sine and a cosine (one bin of a Fourier transform)."""
    if samples.size == 0:
        return 0.0
    phase = 2 * np.pi * frequency * np.arange(samples.size) / RATE
    return float(2 * abs(np.dot(samples, np.exp(-1j * phase))) / samples.size)


def heard_from(samples: Samples, frequency: float, *, window_s: float = 0.02, threshold: float = 0.02) -> float | None:
    """Seconds from the start to the first window in which the tone stands out; None if it never does."""
    size = round(window_s * RATE)
    for start in range(0, samples.size - size + 1, size):
        if level(samples[start : start + size], frequency) >= threshold:
            return start / RATE
    return None


def write_sounds(folder: Path) -> None:
    """What the network and the switch play: room noise, greetings, announcements, the abandoned message."""
    folder.mkdir(parents=True, exist_ok=True)
    syllable, pause = tone(F_CUSTOMER, 0.15), room(0.05)
    greeting = np.concatenate([room(0.1), syllable, pause, syllable, pause])
    beep = tone(1400.0, 0.3)
    write_wav(folder / "room.wav", room(10.0))
    write_wav(folder / "greeting.wav", greeting)
    write_wav(folder / "voicemail.wav", np.concatenate([*[greeting] * 4, room(0.3), beep]))
    write_wav(folder / "announcement.wav", np.concatenate([tone(f, 0.33) for f in (950.0, 1400.0, 1800.0)]))
    write_wav(folder / "abandoned.wav", np.concatenate([tone(F_MESSAGE, 0.4), pause, tone(F_MESSAGE, 0.4), room(0.1)]))
