"""Matrices in 8 bits: how far a product may be off, and what must not disturb it."""

from __future__ import annotations

import pytest
import torch

from searchengine.models.imagebind.linear import Int8Matrix, Linear, has_vnni, quantise

STEPS = 127 if has_vnni() else 63


@pytest.mark.parametrize("rows", [1, 5, 257])
@pytest.mark.parametrize("gelu", [False, True])
def test_a_product_is_off_by_no_more_than_its_roundings(rows: int, gelu: bool) -> None:
    torch.manual_seed(rows)
    weight, bias, x = torch.randn(96, 320), torch.randn(96), torch.randn(2, rows, 320)
    right = torch.nn.functional.linear(x, weight, bias)
    right = torch.nn.functional.gelu(right) if gelu else right
    got = Int8Matrix(weight, STEPS).multiply(x, bias, gelu=gelu)
    assert got.shape == right.shape and got.dtype == x.dtype
    off_x = x.abs().amax(-1, keepdim=True) / STEPS / 2  # half a step of each number
    off_w = weight.abs().amax(-1) / 127 / 2
    most = off_x * weight.abs().sum(-1) + x.abs().sum(-1, keepdim=True) * off_w
    most = most + 320 * off_x * off_w
    assert (got - right).abs().le(most * 1.2 + 1e-5).all()  # a GELU is at most 1.13 times as steep
    assert float((got - right).norm() / right.norm()) < 0.03


def test_a_large_token_does_not_coarsen_the_others() -> None:
    torch.manual_seed(0)
    matrix, x = Int8Matrix(torch.randn(64, 64), STEPS), torch.randn(3, 64)
    alone = matrix.multiply(x, None, gelu=False)
    x[1] *= 1e4
    assert torch.allclose(matrix.multiply(x, None, gelu=False)[[0, 2]], alone[[0, 2]])


def test_nothing_times_anything_is_the_bias() -> None:
    matrix = Int8Matrix(torch.zeros(8, 16), STEPS)
    bias = torch.arange(8.0)
    for x in (torch.zeros(2, 16), torch.ones(2, 16)):
        assert torch.equal(matrix.multiply(x, bias, gelu=False), bias.expand(2, 8))


def test_only_matrices_are_quantised_and_half_precision_stays() -> None:
    layers = torch.nn.Sequential(torch.nn.LayerNorm(32), Linear(32, 16)).to(torch.bfloat16)
    layers.requires_grad_(False)
    x = torch.randn(4, 32, dtype=torch.bfloat16)
    before = layers(x)
    quantise(layers)
    assert set(layers.state_dict()) == {"0.weight", "0.bias", "1.bias"}
    assert layers(x).dtype is torch.bfloat16
    assert torch.allclose(layers(x), before, atol=0.05)
