"""Infrared frames to the space: what of a few things is in them, then the words for these.

The first eleven blocks of the picture network (EfficientNet-Lite0) look at the
whole frame as a grey picture; a small head of our own, trained by
``scripts/train_starter_thermal.py``, tells from their map how many people, cars, bicycles and
other vehicles there are, and whether it is night. The vector is a mixture of text embeddings, one
for each of these, weighed by how likely it is and how many there are (ConSE, Norouzi et al. 2014).
A little of what the whole picture network sees is added, for frames of other things.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from searchengine.errors import CheckpointError
from searchengine.models.starter.efficientnet import EfficientNetLite, load_network
from searchengine.models.starter.image import SOFTNESS, TOP, load_words
from searchengine.models.starter.packaged import intact
from searchengine.types import FloatArray, ThermalImage, ThermalUnit

WEIGHTS = Path(__file__).with_suffix(".safetensors")

#: What the head was trained at; people from 130 m are 3 px high.
HEIGHT_PX, WIDTH_PX = 256, 320

#: Percentiles that say where a frame's values lie, hot people and dead pixels apart.
PERCENTILES = (1.0, 50.0, 99.0)
#: The stretch from the first to the last percentile becomes this, around 0, within +-LIMIT.
SPAN, LIMIT = 1.2, 1.2
#: Less than this between the percentiles is noise or quantisation, and stays small: a few times
#: what an uncooled camera resolves (0.05 K), and 8 of 255 shades.
FAINTEST = {ThermalUnit.KELVIN: 0.25, ThermalUnit.RELATIVE: 8 / 255}

#: What the head counts, in the order of its numbers.
CONCEPTS = ("people", "cars", "bicycles", "other vehicles")
DIM = 384
#: Blocks of the picture network before the head, the channels they give, and the head's own.
BLOCKS, MAPS, WIDTH = 11, 112, 128

#: This many of a thing count as fully as its presence does.
MANY = 8
#: Weights beside a concept's, which is 1: that it is infrared, by night or by day, and the things
#: of ImageNet it looks like. Of the values tried on frames held out, those that helped other
#: questions without harm to people, cars and bicycles; see docs/starter.md.
INFRARED, NIGHT, PICTURED = 0.3, 0.3, 0.2


def prepare(image: ThermalImage) -> FloatArray:
    """A frame of any size, in either unit, to float32 (1, 256, 320) in [-1.2, 1.2].

    The whole frame is scaled to fit; what it leaves free is filled with its median. Raises
    ValueError for a frame without pixels or with values that are not finite.
    """
    values = np.asarray(image.values, np.float32)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"an infrared frame is (height, width), not {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("some values of the infrared frame are not finite")
    low, middle, high = np.percentile(values.astype(np.float64), PERCENTILES)
    span = max(high - low, FAINTEST[image.unit])
    levels = np.clip((values - middle) * (SPAN / span), -LIMIT, LIMIT).astype(np.float32)
    return _fit(levels)[None]


def _fit(levels: FloatArray) -> FloatArray:
    height, width = levels.shape
    scale = min(HEIGHT_PX / height, WIDTH_PX / width)
    rows = min(max(round(height * scale), 1), HEIGHT_PX)
    columns = min(max(round(width * scale), 1), WIDTH_PX)
    picture = Image.fromarray(levels)
    scaled = picture.resize((columns, rows), Image.Resampling.BILINEAR, reducing_gap=3.0)
    fitted = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    top, left = (HEIGHT_PX - rows) // 2, (WIDTH_PX - columns) // 2
    fitted[top : top + rows, left : left + columns] = np.asarray(scaled)
    return fitted


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


class ThermalNet(nn.Module):
    """Prepared frames float32 (n, 1, 256, 320) to vectors (n, 384) of length 1."""

    names: Tensor

    def __init__(self, pictures: EfficientNetLite, head: ThermalHead, names: FloatArray) -> None:
        super().__init__()
        self.pictures = pictures
        self.head = head
        self.register_buffer("names", torch.from_numpy(names))

    def forward(self, frames: Tensor) -> Tensor:
        maps = self.maps(frames)
        numbers, dark = self.head(maps)
        vectors: Tensor = self.head.mix(numbers, dark, self.pictured(maps))
        return vectors

    def maps(self, frames: Tensor) -> Tensor:
        """What the blocks up to the last of stride 16 make of a frame, (n, 112, 16, 20)."""
        network = self.pictures
        grey = frames.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        maps = functional.relu6(network._bn0(network._conv_stem(grey)))
        for block in network._blocks[:BLOCKS]:
            maps = block(maps)
        return maps

    def pictured(self, maps: Tensor) -> Tensor:
        """Where the frame would lie if it were a picture: its ImageNet classes, as in ``image``."""
        network = self.pictures
        for block in network._blocks[BLOCKS:]:
            maps = block(maps)
        features = functional.relu6(network._bn1(network._conv_head(maps)))
        chances = torch.softmax(SOFTNESS * network._fc(features.mean((2, 3))), dim=1)
        best, classes = chances.topk(TOP, dim=1)
        return functional.normalize((best[..., None] * self.names[classes]).sum(1), dim=1)


def load_thermal(path: Path | None = None) -> ThermalNet:
    """The trained network, ready to use; ``path`` defaults to the weights that come with it.

    Raises CheckpointError when a file of weights is missing, broken or of another network.
    """
    path = path or intact(WEIGHTS)
    head = ThermalHead()
    try:
        head.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = "not the weights of the starter's thermal network; reinstall searchengine"
        raise CheckpointError(f"{path}: {reason} ({error})") from error
    return ThermalNet(load_network("lite0"), head, load_words()).eval()
