"""Depth maps to the space: which of a few things or places it is, then the words for these.

A small network looks at the whole map at 96 x 128, trained by ``scripts/train_starter_depth.py``
on things and places that ``scripts/render_depth.py`` draws. The vector is a mixture of text
embeddings, one a kind, weighed by how likely it is (ConSE, Norouzi et al. 2014).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from searchengine.models.starter.graph import Graph
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
    fitted = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    top, left = (HEIGHT_PX - size[0]) // 2, (WIDTH_PX - size[1]) // 2
    fitted[top : top + size[0], left : left + size[1]] = _means(
        _means(values, size[0]).T, size[1]
    ).T
    return fitted


def _means(rows: FloatArray, count: int) -> FloatArray:
    """So many rows (count, width), each the mean of all that its share of the height touches."""
    shares = np.arange(count + 1) * len(rows)
    starts, ends = shares[:-1] // count, -(-shares[1:] // count)
    sums = np.cumsum(np.pad(rows, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    return ((sums[ends] - sums[starts]) / (ends - starts)[:, None]).astype(np.float32)


def load_depth() -> Graph:
    """The trained network: prepared maps float32 (n, 3, 96, 128) to vectors (n, 384) of length 1,
    and to the logits (n, 17) of KINDS.

    Raises CheckpointError when a file of it is missing or another.
    """
    return Graph(WEIGHTS.with_suffix(".onnx"), WEIGHTS)
