"""The starter's motion network: any rate and length, safe, and it tells motions apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.models.starter.graph import Graph
from searchengine.models.starter.imu import (
    KINDS,
    RATE_HZ,
    STANDARD_GRAVITY_M_S2,
    WEIGHTS,
    WINDOW,
    load_imu,
    prepare,
)
from searchengine.types import FloatArray, ImuRecording


@pytest.fixture(scope="module")
def network() -> Graph:
    return load_imu()


def still(seconds: float, rate_hz: float = 50.0, noise_g: float = 0.0) -> ImuRecording:
    """A sensor with its x axis up, as UCI HAR's, that lies still."""
    count = max(1, round(seconds * rate_hz))
    random = np.random.default_rng(0)
    up = np.tile([STANDARD_GRAVITY_M_S2, 0, 0], (count, 1))
    accel = up + noise_g * STANDARD_GRAVITY_M_S2 * random.standard_normal((count, 3))
    gyro = noise_g * random.standard_normal((count, 3))
    return ImuRecording(accel.astype(np.float32), gyro.astype(np.float32), rate_hz)


def bouncing(hz: float, peak_g: float, rate_hz: float = 50.0) -> ImuRecording:
    """Steps without weight between them, as of someone who runs or jumps."""
    seconds = np.arange(round(10 * rate_hz)) / rate_hz
    phase = (seconds * hz) % 1
    up = np.where(phase < 0.3, 0.1, peak_g * np.sin(np.pi * np.clip((phase - 0.3) / 0.7, 0, 1)))
    accel = np.stack([up, 0.3 * np.sin(np.pi * hz * seconds), 0 * up], 1) * STANDARD_GRAVITY_M_S2
    gyro = np.sin(np.pi * hz * seconds)[:, None] * [0.5, 2.0, 1.0]
    return ImuRecording(accel.astype(np.float32), gyro.astype(np.float32), rate_hz)


def kinds(network: Graph, recording: ImuRecording) -> list[str]:
    chosen = network(prepare(recording))[1].argmax(1)
    return [KINDS[int(kind)] for kind in chosen]


@pytest.mark.parametrize(
    ("seconds", "windows"), [(0.02, 1), (1.0, 1), (2.56, 1), (2.7, 1), (5.12, 2), (6.0, 3)]
)
def test_a_recording_becomes_windows(seconds: float, windows: int) -> None:
    prepared = prepare(still(seconds))
    assert prepared.shape == (windows, 6, WINDOW) and prepared.dtype == np.float32


@given(st.floats(0.5, 5_000), st.integers(1, 3_000))
def test_any_rate_keeps_gravity_as_it_is(rate_hz: float, count: int) -> None:
    up = np.tile(
        np.float32([STANDARD_GRAVITY_M_S2, 0, 0]), (min(count, round(60 * rate_hz)) or 1, 1)
    )
    prepared = prepare(ImuRecording(up, 0 * up, rate_hz))
    np.testing.assert_allclose(prepared[:, 0], 1, atol=1e-5)
    np.testing.assert_array_equal(prepared[:, 1:], 0)


def test_a_slow_wave_is_the_same_at_every_rate() -> None:
    def wave(rate_hz: float) -> FloatArray:
        times_s = (np.arange(round(2.56 * rate_hz)) + 0.5) / rate_hz
        accel = np.stack([np.sin(2 * np.pi * 2 * times_s)] * 3, 1) * STANDARD_GRAVITY_M_S2
        return prepare(ImuRecording(accel.astype(np.float32), 0 * accel, rate_hz))[0, 0]

    for rate_hz in (100.0, 200.0, 1_000.0):
        np.testing.assert_allclose(wave(rate_hz), wave(RATE_HZ), atol=0.02)


def test_what_is_far_too_fast_is_averaged_away_not_folded_down() -> None:
    times_s = np.arange(4_000) / 1_000
    accel = np.stack([np.sin(2 * np.pi * 400 * times_s)] * 3, 1) * 5 * STANDARD_GRAVITY_M_S2
    assert np.abs(prepare(ImuRecording(accel.astype(np.float32), 0 * accel, 1_000.0))).max() < 0.3


def test_motions_are_told_apart(network: Graph) -> None:
    assert set(kinds(network, bouncing(2.7, 2.4))) == {"running"}
    assert set(kinds(network, still(8, noise_g=0.02))) <= {"standing", "sitting", "resting"}


def test_vectors_have_length_one_even_for_no_motion_at_all(network: Graph) -> None:
    nothing = ImuRecording(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32), 50.0)
    for recording in (nothing, still(3), bouncing(1.5, 400.0)):
        vectors = network(prepare(recording))[0]
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_weights_stay_small() -> None:
    assert WEIGHTS.stat().st_size < 300_000
