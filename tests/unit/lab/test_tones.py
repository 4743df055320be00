"""Tones are told apart, and found where they begin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lab import tones

pytestmark = pytest.mark.unit

_ALL = (tones.F_CUSTOMER, tones.F_AGENT, tones.F_MESSAGE)


@pytest.mark.parametrize("frequency", _ALL)
def test_a_tone_is_measured_at_its_amplitude_and_no_other_is(frequency: float) -> None:
    samples = tones.tone(frequency, 1.0)
    assert tones.level(samples, frequency) == pytest.approx(0.25, rel=0.03)
    for other in set(_ALL) - {frequency}:
        assert tones.level(samples, other) < 0.005


@pytest.mark.parametrize("frequency", _ALL)
def test_short_windows_do_not_confuse_the_parties(frequency: float) -> None:
    for other in set(_ALL) - {frequency}:
        assert tones.heard_from(tones.tone(frequency, 1.0), other) is None


def test_the_start_of_a_tone_is_found_within_a_window() -> None:
    samples = np.concatenate([tones.room(0.5), tones.tone(tones.F_AGENT, 0.5)])
    assert tones.heard_from(samples, tones.F_AGENT) == pytest.approx(0.5, abs=0.02)


def test_room_noise_is_nobodys_voice() -> None:
    assert all(tones.heard_from(tones.room(5.0), frequency) is None for frequency in _ALL)


def test_nothing_is_heard_in_an_empty_recording() -> None:
    assert tones.heard_from(np.zeros(0), tones.F_AGENT) is None
    assert tones.level(np.zeros(0), tones.F_AGENT) == 0.0


def test_a_recording_is_read_back_also_when_its_length_is_not_filled_in_yet(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    samples = tones.tone(tones.F_CUSTOMER, 0.3)
    tones.write_wav(path, samples)
    assert np.allclose(tones.read_wav(path), samples, atol=1e-4)
    unfinished = bytearray(path.read_bytes())
    unfinished[40:44] = bytes(4)
    path.write_bytes(bytes(unfinished[:-1]))
    assert tones.read_wav(path).size == samples.size - 1


def test_every_sound_that_the_dialplans_play_is_made(tmp_path: Path) -> None:
    tones.write_sounds(tmp_path)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"room.wav", "greeting.wav", "voicemail.wav", "announcement.wav", "abandoned.wav"}
    assert tones.heard_from(tones.read_wav(tmp_path / "abandoned.wav"), tones.F_MESSAGE) == 0.0
