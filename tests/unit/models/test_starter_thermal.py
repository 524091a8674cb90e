"""The starter's thermal network: any frame, either unit, safe, and it tells warm things apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from searchengine.models.starter.thermal import (
    HEIGHT_PX,
    LIMIT,
    WEIGHTS,
    WIDTH_PX,
    ThermalNet,
    prepare,
)
from searchengine.types import FloatArray, ThermalImage, ThermalUnit


@pytest.fixture(scope="module")
def network() -> ThermalNet:
    return ThermalNet()


def street(warm: tuple[tuple[int, int, int, int], ...], kelvin: bool = False) -> ThermalImage:
    """Cool ground seen from above, with warm boxes (top, left, height, width) on it."""
    random = np.random.default_rng(0)
    values = 0.3 + 0.02 * random.standard_normal((HEIGHT_PX, WIDTH_PX))
    for top, left, height, width in warm:
        values[top : top + height, left : left + width] += 0.4
    values = np.clip(values, 0, 1).astype(np.float32)
    if kelvin:
        return ThermalImage(280 + 30 * values, ThermalUnit.KELVIN)
    return ThermalImage(values, ThermalUnit.RELATIVE)


PEOPLE = tuple((60 + 22 * (i % 7), 40 + 33 * (i // 3), 9, 4) for i in range(18))


def embed(network: ThermalNet, *images: ThermalImage) -> FloatArray:
    frames = np.stack([prepare(image) for image in images])
    return network(frames)[0]


def test_small_warm_figures_are_counted_as_people(network: ThermalNet) -> None:
    frames = np.stack([prepare(street(PEOPLE)), prepare(street(()))])
    _, numbers = network(frames)
    assert numbers[0, 0] > 4 * numbers[1, 0]
    assert numbers[1].max() < 0.5


def test_kelvin_and_shades_of_the_same_scene_lie_together(network: ThermalNet) -> None:
    kelvin, shades = embed(network, street(PEOPLE, kelvin=True), street(PEOPLE))
    assert kelvin @ shades > 0.99


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (480, 640), (512, 640), (24, 32), (900, 3)])
def test_a_frame_of_any_size_fits_whole(shape: tuple[int, int]) -> None:
    values = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    frame = prepare(ThermalImage(values, ThermalUnit.RELATIVE))
    assert frame.shape == (1, HEIGHT_PX, WIDTH_PX) and frame.dtype == np.float32
    assert np.abs(frame).max() <= LIMIT


@given(
    arrays.arrays(
        np.float32,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.floats(-(2.0**100), 2.0**100, width=32),
    ),
    st.sampled_from(ThermalUnit),
)
def test_any_finite_values_are_prepared_within_the_limits(
    values: FloatArray, unit: ThermalUnit
) -> None:
    frame = prepare(ThermalImage(values, unit))
    assert np.isfinite(frame).all() and np.abs(frame).max() <= LIMIT


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_numbers_are_refused(value: float) -> None:
    values = np.zeros((4, 4), np.float32)
    values[1, 1] = value
    with pytest.raises(ValueError, match="not finite"):
        prepare(ThermalImage(values, ThermalUnit.RELATIVE))


def test_a_frame_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="height, width"):
        prepare(ThermalImage(np.zeros((0, 3), np.float32), ThermalUnit.KELVIN))


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_an_even_frame_has_a_unit_vector_and_nothing_in_it(
    network: ThermalNet, level: float
) -> None:
    even = ThermalImage(np.full((120, 160), level, np.float32), ThermalUnit.RELATIVE)
    assert np.linalg.norm(embed(network, even), axis=1) == pytest.approx(1, abs=1e-5)
    _, numbers = network(prepare(even)[None])
    assert numbers.sum() < 1


def test_the_weights_stay_small() -> None:
    assert WEIGHTS.stat().st_size < 1_000_000
