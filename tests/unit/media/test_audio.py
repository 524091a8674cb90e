"""Sounds keep their rate, channels and samples, or fail with one clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from searchengine.errors import DecodeError
from searchengine.media.audio import read_audio
from searchengine.types import Span


def tone(seconds: float, rate_hz: int, channels: int = 1) -> np.ndarray:
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    wave = 0.5 * np.sin(2 * np.pi * 440 * t).astype(np.float32)
    return np.stack([wave] * channels, axis=1)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_lossless_sound_comes_back_within_one_quantum(tmp_path: Path, suffix: str) -> None:
    path, wave = tmp_path / f"tone.{suffix}", tone(1, 16_000, 2)
    soundfile.write(path, wave, 16_000, subtype="PCM_16")
    got = read_audio(path)
    assert got.rate_hz == 16_000 and got.samples.shape == (2, 16_000)
    assert np.abs(got.samples.T - wave).max() <= 1 / 32767


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_compressed_sound_keeps_its_length_and_loudness(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(2, 44_100), 44_100)
    got = read_audio(path)
    assert got.rate_hz == 44_100 and got.duration_s == pytest.approx(2, abs=0.06)
    assert float(np.sqrt((got.samples**2).mean())) == pytest.approx(0.35, abs=0.03)


@pytest.mark.parametrize("suffix", ["wav", "ogg"])
def test_a_span_gives_the_seconds_asked_for(tmp_path: Path, suffix: str) -> None:
    path, wave = tmp_path / f"late.{suffix}", tone(4, 16_000)
    wave[: 2 * 16_000] = 0
    soundfile.write(path, wave, 16_000)
    early, late = read_audio(path, Span(0, 1)), read_audio(path, Span(2.5, 3.5))
    assert early.duration_s == late.duration_s == pytest.approx(1, abs=0.01)
    assert np.abs(early.samples).max() < 0.02 and np.abs(late.samples).max() > 0.4


@pytest.mark.parametrize("name", ["broken.wav", "broken.mp3", "broken.ogg"])
@pytest.mark.parametrize("content", [b"", b"RIFF\0\0\0\0WAVE", b"noise" * 100])
def test_a_broken_sound_is_a_decode_error_naming_the_file(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=name):
        read_audio(path)


def test_a_recording_of_zero_samples_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros((0, 1), np.float32), 16_000)
    with pytest.raises(DecodeError, match="zero samples"):
        read_audio(path)


def test_nan_samples_are_refused(tmp_path: Path) -> None:
    path, wave = tmp_path / "nan.wav", tone(1, 8_000)
    wave[5] = np.nan
    soundfile.write(path, wave, 8_000, subtype="FLOAT")
    with pytest.raises(DecodeError, match="NaN"):
        read_audio(path)
