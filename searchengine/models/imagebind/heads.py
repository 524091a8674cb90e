"""One token of each item, projected into the shared space; and the logit scales."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from searchengine.models.imagebind.linear import Linear
from searchengine.models.imagebind.transformer import EPS

#: Scales are clamped here, as in CLIP (Radford et al. 2021, section 2.5).
MAX_SCALE = 100.0

#: Initial scales; only the text one is learnt. Vision has none.
SCALES = {"text": 1 / 0.07, "audio": 20.0, "depth": 5.0, "thermal": 10.0, "imu": 5.0}

#: Dropout before the projection of the motion tower, when training.
IMU_DROPOUT = 0.5


class FirstToken(nn.Module):
    """(b, l, d) to (b, d): the class token."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0]


class TextHead(nn.Module):
    """(b, d), the tokens already chosen, to (b, out)."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.LayerNorm(width, eps=EPS), Linear(width, out, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.proj(x)
        return projected


def head(tower: str, width: int, out: int) -> nn.Module:
    """A LayerNorm and a projection, under the numbers that the checkpoint gives them."""
    norm, projection = nn.LayerNorm(width, eps=EPS), Linear(width, out, bias=False)
    if tower == "text":
        return TextHead(width, out)
    if tower == "imu":
        return nn.Sequential(norm, FirstToken(), nn.Dropout(IMU_DROPOUT), projection)
    return nn.Sequential(norm, FirstToken(), projection)


class Scale(nn.Module):
    """Times exp(log_logit_scale), at most ``MAX_SCALE``."""

    log_logit_scale: Tensor

    def __init__(self, scale: float, *, learnable: bool) -> None:
        super().__init__()
        value = torch.full((), math.log(scale))
        if learnable:
            self.log_logit_scale = nn.Parameter(value)
        else:
            self.register_buffer("log_logit_scale", value)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.log_logit_scale.exp().clamp(max=MAX_SCALE)


class Unit(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.normalize(x, dim=-1)


def postprocessor(tower: str) -> nn.Module:
    """To unit length, then scaled where the tower has a scale."""
    if tower not in SCALES:
        return Unit()
    return nn.Sequential(Unit(), Scale(SCALES[tower], learnable=tower == "text"))
