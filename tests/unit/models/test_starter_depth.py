"""The starter's depth network: any map, safe, and it tells things apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from searchengine.demo import corpus
from searchengine.media.depth import read_depth
from searchengine.media.options import MediaOptions
from searchengine.models.starter import depth
from searchengine.models.starter.depth import (
    HEIGHT_PX,
    KINDS,
    SPREAD,
    WEIGHTS,
    WIDTH_PX,
    load_depth,
    prepare,
)
from searchengine.models.starter.graph import Graph
from searchengine.types import DepthMap, FloatArray


@pytest.fixture(scope="module")
def network() -> Graph:
    return load_depth()


def kind(network: Graph, seen: DepthMap) -> str:
    return KINDS[int(network(prepare(seen)[None])[1].argmax())]


def drawn(name: str) -> DepthMap:
    return read_depth(corpus() / "depth" / f"{name}.png", MediaOptions())


@pytest.mark.parametrize("name", ["chair", "table", "sofa", "bed", "corridor", "car", "street"])
def test_things_are_told_apart(network: Graph, name: str) -> None:
    assert kind(network, drawn(name)) == name


def test_a_mirrored_map_with_a_third_of_it_missing_is_the_same_thing(network: Graph) -> None:
    whole = drawn("chair")
    holes = np.random.default_rng(0).random(whole.metres.shape) < 0.33
    holey = DepthMap(whole.metres[:, ::-1], whole.valid[:, ::-1] & ~holes)
    assert kind(network, holey) == "chair"


def test_what_was_not_measured_does_not_count() -> None:
    whole = drawn("sofa")
    garbage = DepthMap(np.where(whole.valid, whole.metres, 77), whole.valid)
    np.testing.assert_array_equal(prepare(garbage), prepare(whole))


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (480, 640), (900, 3), (24, 32)])
def test_a_map_of_any_size_fits_whole(shape: tuple[int, int]) -> None:
    metres = np.linspace(0.5, 5, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    prepared = prepare(DepthMap(metres, metres > 0))
    assert prepared.shape == (3, HEIGHT_PX, WIDTH_PX) and prepared.dtype == np.float32


@pytest.mark.parametrize("shape", [(96, 128), (480, 640), (7, 5), (241, 319)])
def test_a_map_is_scaled_by_the_mean_of_what_each_new_pixel_touches(
    shape: tuple[int, int],
) -> None:
    values = np.random.default_rng(0).random(shape, np.float32)
    size = (round(shape[0] * 0.4), round(shape[1] * 0.4))
    ours = depth._means(depth._means(values, size[0]).T, size[1]).T
    theirs = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(values)[None], size)[0]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-6)


@given(
    arrays.arrays(
        np.float32,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=30),
        elements=st.floats(width=32),
    )
)
def test_any_numbers_are_prepared_within_the_limits_or_called_no_distance(
    metres: FloatArray,
) -> None:
    measured = np.isfinite(metres) & (metres > 0)
    try:
        prepared = prepare(DepthMap(metres, np.ones(metres.shape, np.bool_)))
    except ValueError as error:
        assert "no distance" in str(error)
        assert not measured.any()
    else:
        assert np.isfinite(prepared).all() and np.abs(prepared[0]).max() <= SPREAD


def test_a_wall_has_a_unit_vector(network: Graph) -> None:
    wall = DepthMap(np.full((60, 80), 2, np.float32), np.ones((60, 80), np.bool_))
    assert np.linalg.norm(network(prepare(wall)[None])[0]) == pytest.approx(1, abs=1e-5)


def test_the_weights_stay_small() -> None:
    assert WEIGHTS.stat().st_size < 2_000_000
