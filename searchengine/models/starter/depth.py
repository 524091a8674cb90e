"""Depth maps to the space: which of a few things or places it is, then the words for these.

A small network looks at the whole map at 96 x 128, trained by ``scripts/train_starter_depth.py``
on things and places that ``scripts/render_depth.py`` draws. The vector is a mixture of text
embeddings, one a kind, weighed by how likely it is (ConSE, Norouzi et al. 2014).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from searchengine.errors import CheckpointError
from searchengine.models.starter.packaged import intact
from searchengine.types import DepthMap, FloatArray

WEIGHTS = Path(__file__).with_suffix(".safetensors")

HEIGHT_PX, WIDTH_PX = 96, 128

#: What is nearer or farther is taken for this far: the reach of usual sensors, lidar included.
NEAREST_M, FARTHEST_M = 0.1, 120.0
#: Logarithms of metres around that of the middle one are cut here: a tenth to ten times as far.
SPREAD = 2.3

#: Kinds of things and places; what each is called is in the weights.
KINDS = (
    *("chair", "table", "sofa", "bed", "bookshelf", "lamp", "person", "stairs", "corridor"),
    *("room", "doorway", "tree", "car", "street", "boxes", "ball", "toilet"),
)
DIM = 384
WIDTHS = (32, 64, 96, 160, 224)


def prepare(depth: DepthMap) -> FloatArray:
    """A map of any size to float32 (3, 96, 128): shape, scale, and where it was measured.

    Shape is the logarithm of the distance beside that of the middle distance, scale the
    logarithm itself. Maps are scaled to fit by the mean of the valid pixels. Raises ValueError
    for a map without pixels or without any distance.
    """
    metres = np.asarray(depth.metres, np.float32)
    valid = np.asarray(depth.valid, np.bool_) & np.isfinite(metres) & (metres > 0)
    if metres.ndim != 2 or not valid.any():
        raise ValueError("there is no distance in the depth map")
    logs = np.log(np.clip(np.where(valid, metres, 1), NEAREST_M, FARTHEST_M))
    fitted, share = _fit(logs * valid), _fit(valid.astype(np.float32))
    seen = share > 0.05
    logs = np.where(seen, fitted / np.maximum(share, 1e-6), 0)
    middle = np.median(logs[seen]) if seen.any() else 0.0
    shape = np.clip(logs - middle, -SPREAD, SPREAD) * seen
    return np.stack([shape, logs * seen, seen]).astype(np.float32)


def _fit(values: FloatArray) -> FloatArray:
    """The whole map in the middle of the frame; zeros around it."""
    height, width = values.shape
    scale = min(HEIGHT_PX / height, WIDTH_PX / width)
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    tensor = torch.from_numpy(values.astype(np.float32))[None, None]
    scaled = functional.interpolate(tensor, size, mode="area")[0, 0].numpy()
    fitted = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    top, left = (HEIGHT_PX - size[0]) // 2, (WIDTH_PX - size[1]) // 2
    fitted[top : top + size[0], left : left + size[1]] = scaled
    return fitted


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
        self.classify = nn.Linear(2 * WIDTHS[-1], len(KINDS))
        self.register_buffer("words", torch.zeros(len(KINDS), DIM))

    def logits(self, maps: Tensor) -> Tensor:
        """How likely each of ``KINDS`` is, (n, 17), before the softmax."""
        features = self.trunk(torch.cat([maps, _slopes(maps)], dim=1))
        both = torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1)
        chances: Tensor = self.classify(self.drop(both))
        return chances

    def forward(self, maps: Tensor) -> Tensor:
        mixture = torch.softmax(self.logits(maps), dim=1) @ self.words
        return functional.normalize(mixture, dim=1)


def _slopes(maps: Tensor) -> Tensor:
    """How the distance changes across and down, (n, 2, h, w): flat surfaces have even ones."""
    shape, seen = maps[:, :1], maps[:, 2:]
    across = functional.pad(shape[..., 1:] - shape[..., :-1], (1, 0))
    down = functional.pad(shape[..., 1:, :] - shape[..., :-1, :], (0, 0, 1, 0))
    both = functional.pad(seen[..., 1:] * seen[..., :-1], (1, 0))
    below = functional.pad(seen[..., 1:, :] * seen[..., :-1, :], (0, 0, 1, 0))
    return 10 * torch.cat([across * both, down * below], dim=1).clamp(-0.3, 0.3)


def load_depth(path: Path | None = None) -> DepthNet:
    """The trained network, ready to use; ``path`` defaults to the weights that come with it.

    Raises CheckpointError when the file is missing, broken or of another network.
    """
    path = path or intact(WEIGHTS)
    network = DepthNet()
    try:
        network.load_state_dict({name: x.float() for name, x in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = "not the weights of the starter's depth network; reinstall searchengine"
        raise CheckpointError(f"{path}: {reason} ({error})") from error
    return network.eval().to(memory_format=torch.channels_last)
