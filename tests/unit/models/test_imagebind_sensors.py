"""Sensors as ImageBind's towers take them: our choices, kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from searchengine.models.imagebind.linear import Linear, lay_out
from searchengine.models.imagebind.options import Options
from searchengine.models.imagebind.sensors import disparity, motion, radiance


def test_depth_is_a_disparity_in_pixels_normalised() -> None:
    metres = np.full((300, 400), 2.0, np.float32)
    x = disparity(metres, np.ones_like(metres, bool), Options())
    assert x.shape == (1, 224, 224)
    assert float(x.mean()) == pytest.approx((0.075 * 518.857901 / 2 - 0.0418) / 0.0295, rel=1e-5)


def test_what_the_depth_camera_did_not_see_counts_as_far() -> None:
    unseen = disparity(np.zeros((224, 224), np.float32), np.zeros((224, 224), bool), Options())
    far = disparity(np.full((224, 224), 1e9, np.float32), np.ones((224, 224), bool), Options())
    assert torch.equal(unseen, far)


def test_nearer_is_a_larger_disparity_up_to_the_clamp() -> None:
    options = Options(depth_min_m=1.0)
    x = [
        float(disparity(np.full((9, 9), d, np.float32), np.ones((9, 9), bool), options).mean())
        for d in (0.2, 1.0, 2.0, 4.0)
    ]
    assert x[0] == x[1] > x[2] > x[3]


def test_temperatures_run_over_the_frame_or_over_the_range_that_is_given() -> None:
    kelvin = np.linspace(280, 300, 224 * 224, dtype=np.float32).reshape(224, 224)
    own = radiance(kelvin, Options(), kelvin=True)
    assert float(own.min()) == 0 and float(own.max()) == pytest.approx(1, abs=1e-6)
    fixed = radiance(kelvin, Options(thermal_low_k=270, thermal_high_k=310), kelvin=True)
    assert float(fixed.min()) == pytest.approx(0.25, abs=1e-4)
    assert float(fixed.max()) == pytest.approx(0.75, abs=1e-4)


def test_a_frame_of_one_temperature_is_finite() -> None:
    flat = radiance(np.full((10, 20), 293.15, np.float32), Options(), kelvin=True)
    assert flat.shape == (1, 224, 224) and bool((flat == 0).all())


def test_relative_values_stay_as_they_are() -> None:
    relative = np.full((224, 224), 0.4, np.float32)
    assert torch.allclose(radiance(relative, Options(), kelvin=False), torch.tensor(0.4))


def test_motion_is_transposed_and_not_reshaped() -> None:
    accel = np.tile(np.float32([1, 2, 3]), (2000, 1))
    x = motion(accel, -accel, 200.0, Options())
    assert x.shape == (6, 2000)
    assert x.T.eq(torch.tensor([1, 2, 3, -1, -2, -3])).all()
    turned = motion(accel, -accel, 200.0, Options(imu_order="gyro,accel"))
    assert torch.equal(turned, torch.cat([x[3:], x[:3]]))


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0, 333.3, 1000.0])
def test_ten_seconds_at_any_rate_fill_the_window(rate_hz: float) -> None:
    times_s = np.arange(int(10 * rate_hz)) / rate_hz
    wave = np.sin(times_s * 2 * np.pi).astype(np.float32)[:, None].repeat(3, 1)
    x = motion(wave, wave, rate_hz, Options())
    wanted = np.sin(np.arange(2000) / 200 * 2 * np.pi)
    assert np.abs(x.numpy()[0, 20:-20] - wanted[20:-20]).max() < 0.1


def test_what_is_shorter_ends_in_zeros_and_what_is_longer_is_cut() -> None:
    ones = np.ones((600, 3), np.float32)
    short = motion(ones, ones, 100.0, Options())
    assert bool((short[:, :1200] == 1).all()) and bool((short[:, 1200:] == 0).all())
    late = np.concatenate([ones, 9 * ones, 9 * ones])
    assert float(motion(late, late, 60.0, Options())[:, :1980].max()) == 1


def test_fast_vibration_is_averaged_and_not_folded_into_slow_motion() -> None:
    times_s = np.arange(20_000) / 2000
    buzz = np.sin(2 * np.pi * 401 * times_s).astype(np.float32)[:, None].repeat(3, 1)
    assert float(motion(buzz, buzz, 2000.0, Options()).abs().max()) < 0.2


def test_standardising_gives_each_sensor_mean_0_and_deviation_1() -> None:
    readings = np.random.default_rng(0).normal(9, 4, (2000, 3)).astype(np.float32)
    x = motion(readings, np.zeros_like(readings), 200.0, Options(imu_standardise=True))
    assert float(x[:3].mean()) == pytest.approx(0, abs=1e-4)
    assert float(x[:3].std()) == pytest.approx(1, abs=1e-3)
    assert not x[3:].any()


@given(st.integers(1, 5000), st.floats(0.5, 20_000))
def test_any_length_and_rate_become_2000_finite_steps(length: int, rate_hz: float) -> None:
    readings = np.ones((length, 3), np.float32)
    x = motion(readings, readings, rate_hz, Options())
    assert x.shape == (6, 2000) and bool(x.isfinite().all())


def test_matrices_laid_out_for_the_processor_multiply_as_before() -> None:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(Linear(64, 96), Linear(96, 32, bias=False)).to(torch.bfloat16)
    x = torch.randn(5, 64).to(torch.bfloat16)
    with torch.inference_mode():
        before = layers(x)
        names = set(layers.state_dict())
        lay_out(layers)
        after = layers(x)
    assert torch.allclose(before.float(), after.float(), atol=0.02)
    assert set(layers.state_dict()) == names
