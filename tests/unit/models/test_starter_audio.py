"""The starter's sound network: shapes, safety, and that it hears what it claims to."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from torchaudio.functional import melscale_fbanks, resample

from searchengine.models.starter import audio
from searchengine.models.starter.audio import (
    FRAMES,
    MELS,
    RATE_HZ,
    WEIGHTS,
    at_rate,
    load_audio,
    log_mel,
)
from searchengine.models.starter.graph import Graph
from searchengine.types import FloatArray


@pytest.fixture(scope="module")
def network() -> Graph:
    return load_audio()


def noise(seconds: float, seed: int = 0) -> FloatArray:
    samples = np.random.default_rng(seed).standard_normal(int(seconds * RATE_HZ)) * 0.3
    return np.clip(samples, -1, 1).astype(np.float32)


def tone(seconds: float, hz: float = 440.0) -> FloatArray:
    times_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def embed(network: Graph, samples: FloatArray) -> FloatArray:
    return network(log_mel(samples))[0]


@pytest.mark.parametrize(
    ("seconds", "windows"),
    [(0.1, 1), (0.9, 1), (5.0, 1), (5.02, 1), (6.0, 2), (10.0, 2), (12.5, 3), (60.0, 12)],
)
def test_a_sound_becomes_windows_of_five_seconds(seconds: float, windows: int) -> None:
    mels = log_mel(noise(seconds))
    assert mels.shape == (windows, 1, FRAMES, MELS)
    assert mels.dtype == np.float32


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 192_000, 300, 4])
def test_a_resampled_sound_is_what_torchaudio_makes_of_it(rate_hz: int) -> None:
    sound = np.random.default_rng(0).standard_normal(rate_hz // 4 + 7).astype(np.float32)
    theirs = resample(torch.from_numpy(sound), rate_hz, RATE_HZ).numpy()
    np.testing.assert_allclose(at_rate(sound, rate_hz), theirs, atol=1e-3)  # theirs is rounded


def test_a_sound_that_is_long_takes_no_memory_beyond_a_few_copies_of_it() -> None:
    minutes = np.zeros(48_000 * 60 * 3, np.float32)
    tracemalloc.start()
    at_rate(minutes, 48_000)
    assert tracemalloc.get_traced_memory()[1] < 4 * minutes.nbytes
    tracemalloc.stop()


def test_bands_are_the_triangles_of_the_mel_scale() -> None:
    theirs = melscale_fbanks(257, *audio.MEL_RANGE_HZ, MELS, RATE_HZ).numpy()
    np.testing.assert_allclose(audio._mel_bands(), theirs, atol=1e-5)


@pytest.mark.parametrize("samples", [0, 1, 7, 399, RATE_HZ, 6 * RATE_HZ])
def test_silence_of_any_length_is_finite_and_has_a_unit_vector(
    network: Graph, samples: int
) -> None:
    mels = log_mel(np.zeros(samples, np.float32))
    assert np.isfinite(mels).all()
    np.testing.assert_allclose(
        np.linalg.norm(embed(network, np.zeros(samples, np.float32)), axis=1), 1, atol=1e-5
    )


def test_several_channels_are_refused_rather_than_read_as_one() -> None:
    with pytest.raises(ValueError, match="one channel"):
        log_mel(np.zeros((2, RATE_HZ), np.float32))


def test_the_last_window_ends_where_the_sound_does() -> None:
    sound = np.concatenate([noise(4), tone(4)])
    np.testing.assert_array_equal(log_mel(sound)[1], log_mel(sound[-5 * RATE_HZ :])[0])


def test_a_short_sound_is_repeated_not_stretched_and_not_drowned_in_silence() -> None:
    energy = log_mel(noise(1.0))[0, 0].mean(1)
    assert np.ptp(energy) < 2  # no stretch of silence, which lies 6 lower


def test_a_tone_is_loudest_in_the_band_of_its_frequency() -> None:
    bands = [int(log_mel(tone(5, hz))[0, 0].mean(0).argmax()) for hz in (200, 1_000, 5_000)]
    assert bands[0] < bands[1] < bands[2]


def test_vectors_have_length_one_and_come_out_the_same_twice(network: Graph) -> None:
    first, second = embed(network, noise(12)), embed(network, noise(12))
    assert first.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(first, second)


def test_a_sound_has_the_same_vector_whatever_it_is_batched_with(network: Graph) -> None:
    sounds = [noise(5, seed) for seed in range(3)] + [tone(5)]
    alone = np.concatenate([embed(network, sound) for sound in sounds])
    np.testing.assert_allclose(embed(network, np.concatenate(sounds)), alone, atol=1e-4)


def test_extreme_samples_give_finite_vectors(network: Graph) -> None:
    square = np.sign(tone(5)).astype(np.float32)
    for sound in (square, square * 1e4, np.full(5 * RATE_HZ, 1e-30, np.float32)):
        assert np.isfinite(embed(network, sound)).all()


def test_noise_tones_and_silence_lie_apart(network: Graph) -> None:
    vectors = np.concatenate([embed(network, s) for s in (noise(5), tone(5), 0 * tone(5))])
    similarities = vectors @ vectors.T
    assert similarities[np.triu_indices(3, 1)].max() < 0.8
    assert embed(network, noise(5, seed=9))[0] @ vectors[0] > 0.95


def test_a_siren_lies_nearer_to_a_siren_than_to_noise(network: Graph) -> None:
    def siren(low_hz: float) -> FloatArray:
        hz = low_hz + 300 * (1 + np.sin(2 * np.pi * 0.5 * np.arange(5 * RATE_HZ) / RATE_HZ))
        return (0.5 * np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ)).astype(np.float32)

    first, second, other = (embed(network, s)[0] for s in (siren(600), siren(700), noise(5)))
    assert first @ second > first @ other + 0.2


def test_the_weights_stay_small() -> None:
    assert WEIGHTS.stat().st_size < 8_000_000
