"""The starter's networks in torch: to train them, and to draw the graphs that the encoder runs.

``make_starter_graphs.py`` turns each into searchengine/models/starter/NAME.onnx. The names of
parameters are those of the weight files.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from searchengine.models.starter import depth, imu
from searchengine.models.starter.packaged import packaged_file
from searchengine.models.starter.thermal import CONCEPTS

DIM = 384


# -- pictures: EfficientNet-Lite (Tan & Le 2019; TensorFlow TPU models, 2020)

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
PICTURES = {
    "lite0": "efficientnet-lite0-57934424.pth",
    "lite2": "efficientnet-lite2-9656183e.pth",
}

#: Channels come in multiples of this, and lose no more than a tenth by it.
CHANNELS = 8


class _Conv(nn.Conv2d):
    """Padded as TensorFlow pads: what is left over goes to the right and the bottom."""

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            whole = max((-(size // -stride) - 1) * stride + kernel - size, 0)
            pads += [whole // 2, whole - whole // 2]
        around = (pads[2], pads[0])
        if pads[::2] != pads[1::2]:
            x, around = functional.pad(x, pads), (0, 0)
        return functional.conv2d(x, self.weight, None, self.stride, around, 1, self.groups)


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
        for number, (expansion, channels, layers, kernel, stride) in enumerate(STAGES):
            outputs = _rounded(channels * wider)
            inner = 0 < number < len(STAGES) - 1
            for index in range(math.ceil(layers * deeper) if inner else layers):
                step = stride if index == 0 else 1
                blocks.append(_Block(width, outputs, expansion, kernel, step))
                width = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _Conv(width, 1280, 1, bias=False)
        self._bn1 = _norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.maps(x, len(self._blocks)), len(self._blocks))

    def maps(self, x: Tensor, blocks: int) -> Tensor:
        """What the stem and so many blocks make of it."""
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks[:blocks]:
            x = block(x)
        return x

    def classify(self, x: Tensor, blocks: int) -> Tensor:
        """Logits (n, 1000), from what so many blocks have made."""
        for block in self._blocks[blocks:]:
            x = block(x)
        x = functional.relu6(self._bn1(self._conv_head(x)))
        logits: Tensor = self._fc(x.mean((2, 3)))
        return logits


def _rounded(channels: float) -> int:
    nearest = max(CHANNELS, int(channels + CHANNELS / 2) // CHANNELS * CHANNELS)
    return nearest if nearest >= 0.9 * channels else nearest + CHANNELS


def load_pictures(variant: str) -> EfficientNetLite:
    """The pretrained ``lite0`` or ``lite2``."""
    network = EfficientNetLite(*SCALES[variant])
    network.load_state_dict(torch.load(packaged_file(PICTURES[variant]), weights_only=True))
    return network.eval().to(memory_format=torch.channels_last)


# -- sound: YAMNet's MobileNet v1 (Plakal & Ellis)

CLASSES = 521
#: Width and stride of each separable block of MobileNet v1.
AUDIO_BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
#: YAMNet looks at 0.96 s, no more; six such moments cover a window.
PATCH_FRAMES = 96
PATCH_HOP_FRAMES = 80


class _YamnetConv(nn.Module):
    """A convolution padded as TensorFlow pads, and a ReLU up to 6."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        around = 1 if (size, stride) == (3, 1) else 0
        self.conv = nn.Conv2d(inputs, outputs, size, stride, around, groups=groups)
        self.uneven = (size, stride) == (3, 2)

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, (0, 1, 0, 1)) if self.uneven else x
        return functional.relu6(self.conv(padded))


class AudioNet(nn.Module):
    """Log-mel windows float32 (n, 1, frames, 64) to vectors (n, 384) of length 1."""

    words: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers, width = [_YamnetConv(1, 32, 3, 2)], 32
        for outputs, stride in AUDIO_BLOCKS:
            layers += [
                _YamnetConv(width, width, 3, stride, groups=width),
                _YamnetConv(width, outputs, 1, 1),
            ]
            width = outputs
        self.trunk = nn.Sequential(*layers)
        self.classify = nn.Linear(width, CLASSES)
        self.sharpness = nn.Parameter(torch.ones(()))
        self.prior = nn.Parameter(torch.zeros(CLASSES))
        self.register_buffer("words", torch.zeros(CLASSES, DIM))

    def moments(self, mels: Tensor) -> Tensor:
        """Logits of the classes at each moment, (n, moments, 521)."""
        patches = mels.unfold(2, PATCH_FRAMES, PATCH_HOP_FRAMES).permute(0, 2, 1, 4, 3)
        features = self.trunk(patches.flatten(0, 1)).mean((2, 3))
        logits: Tensor = self.classify(features)
        return logits.reshape(*patches.shape[:2], CLASSES)

    def forward(self, mels: Tensor) -> Tensor:
        weights = self.weigh(self.moments(mels))
        return functional.normalize(weights @ self.words, dim=1)

    def weigh(self, moments: Tensor) -> Tensor:
        """How much each class counts, (n, 521), summing to 1, from its mean likelihood."""
        likelihoods = functional.logsigmoid(moments).logsumexp(1)
        return torch.softmax(self.sharpness * likelihoods + self.prior, dim=1)


# -- depth

WIDTHS = (32, 64, 96, 160, 224)


class DepthNet(nn.Module):
    """Prepared maps float32 (n, 3, 96, 128) to vectors (n, 384) of length 1."""

    words: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in zip((5, *WIDTHS), WIDTHS, strict=False):
            layers += [
                nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
        self.trunk = nn.Sequential(*layers)
        self.drop = nn.Dropout(0.3)
        self.classify = nn.Linear(2 * WIDTHS[-1], len(depth.KINDS))
        self.register_buffer("words", torch.zeros(len(depth.KINDS), DIM))

    def logits(self, maps: Tensor) -> Tensor:
        """How likely each of ``depth.KINDS`` is, (n, 17), before the softmax."""
        features = self.trunk(torch.cat([maps, _slopes(maps)], dim=1))
        both = torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1)
        chances: Tensor = self.classify(self.drop(both))
        return chances

    def forward(self, maps: Tensor) -> Tensor:
        return self.place(self.logits(maps))

    def place(self, logits: Tensor) -> Tensor:
        return functional.normalize(torch.softmax(logits, dim=1) @ self.words, dim=1)


def _slopes(maps: Tensor) -> Tensor:
    """How the distance changes across and down, (n, 2, h, w): flat surfaces have even ones."""
    shape, seen = maps[:, :1], maps[:, 2:]
    across = functional.pad(shape[..., 1:] - shape[..., :-1], (1, 0))
    down = functional.pad(shape[..., 1:, :] - shape[..., :-1, :], (0, 0, 1, 0))
    both = functional.pad(seen[..., 1:] * seen[..., :-1], (1, 0))
    below = functional.pad(seen[..., 1:, :] * seen[..., :-1, :], (0, 0, 1, 0))
    return 10 * torch.cat([across * both, down * below], dim=1).clamp(-0.3, 0.3)


# -- motion


class ImuNet(nn.Module):
    """Windows float32 (n, 6, 128) to vectors (n, 384) of length 1."""

    words: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, stride in ((6, 48, 9, 2), (48, 96, 7, 2), (96, 128, 5, 2)):
            layers += [
                nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm1d(outputs),
                nn.ReLU(),
            ]
        self.trunk = nn.Sequential(*layers)
        self.drop = nn.Dropout(0.3)
        self.classify = nn.Linear(2 * 128, len(imu.KINDS))
        self.register_buffer("words", torch.zeros(len(imu.KINDS), DIM))

    def logits(self, windows: Tensor) -> Tensor:
        """How likely each of ``imu.KINDS`` is, (n, 13), before the softmax."""
        features = self.trunk(windows)
        both = torch.cat([features.mean(2), features.amax(2)], dim=1)
        chances: Tensor = self.classify(self.drop(both))
        return chances

    def forward(self, windows: Tensor) -> Tensor:
        return self.place(self.logits(windows))

    def place(self, logits: Tensor) -> Tensor:
        return functional.normalize(torch.softmax(logits, dim=1) @ self.words, dim=1)


# -- infrared

#: Blocks of the picture network before the head, the channels they give, and the head's own.
BLOCKS, MAPS, WIDTH = 11, 112, 128

#: This many of a thing count as fully as its presence does.
MANY = 8
#: Weights beside a concept's, which is 1: that it is infrared, by night or by day, and the things
#: of ImageNet it looks like. Of the values tried on frames held out, those that helped other
#: questions without harm to people, cars and bicycles; see docs/starter.md.
INFRARED, NIGHT, PICTURED = 0.3, 0.3, 0.2


class ThermalHead(nn.Module):
    """Maps float32 (n, 112, h, w) to what is in the frame, and that to a vector."""

    words: Tensor
    nothing: Tensor
    infrared: Tensor
    night: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(MAPS)
        self.look = nn.Sequential(
            nn.Dropout2d(0.2),
            nn.Conv2d(MAPS, WIDTH, 1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(),
            nn.Dropout2d(0.1),
        )
        self.count = nn.Conv2d(WIDTH, len(CONCEPTS), 1)
        self.dark = nn.Linear(MAPS, 1)
        self.register_buffer("words", torch.zeros(len(CONCEPTS), DIM))
        for name in ("nothing", "infrared", "night"):
            self.register_buffer(name, torch.zeros(DIM))

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Expected numbers of each concept (n, 4), and the logit of night (n,)."""
        normed = self.norm(maps)
        density = functional.softplus(self.count(self.look(normed)))
        return density.sum((2, 3)), self.dark(normed.mean((2, 3)))[:, 0]

    def mix(self, numbers: Tensor, dark: Tensor, pictured: Tensor) -> Tensor:
        """Unit vectors (n, 384); ``pictured`` unit (n, 384) is where a picture would lie."""
        absent = torch.exp(-numbers)  # none of a number that is Poisson distributed
        many = torch.log1p(numbers) / math.log1p(MANY)
        mixture = (1 - absent + many) / 2 @ self.words
        mixture = mixture + absent.prod(1, keepdim=True) * self.nothing
        mixture = mixture + (torch.sigmoid(dark)[:, None] - 0.5) * NIGHT * self.night
        return functional.normalize(mixture + INFRARED * self.infrared + PICTURED * pictured, dim=1)


class Infrared(nn.Module):
    """Frames float32 (n, 1, h, w) to maps (n, 112, h/16, w/16) and ImageNet's logits (n, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures = load_pictures("lite0")

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.pictures.maps(frames.expand(-1, 3, -1, -1), BLOCKS)
        return maps, self.pictures.classify(maps, BLOCKS)


def load_ours(network: nn.Module, weights: Path) -> nn.Module:
    """A network of ours with its weights, which are kept in half precision, to be used."""
    held = load_file(weights)
    network.load_state_dict({k: x.float() if x.is_floating_point() else x for k, x in held.items()})
    return network.eval()
