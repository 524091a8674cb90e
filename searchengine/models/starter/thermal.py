"""Infrared frames to the space: what of a few things is in them, then the words for these.

The first eleven blocks of the picture network (EfficientNet-Lite0) look at the
whole frame as a grey picture; a small head of our own, trained by
``scripts/train_starter_thermal.py``, tells from their map how many people, cars, bicycles and
other vehicles there are, and whether it is night. The vector is a mixture of text embeddings, one
for each of these, weighed by how likely it is and how many there are (ConSE, Norouzi et al. 2014).
A little of what the whole picture network sees is added, for frames of other things.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from searchengine.models.starter.graph import Graph
from searchengine.models.starter.image import load_words, placed
from searchengine.models.starter.packaged import packaged_file
from searchengine.types import FloatArray, ThermalImage, ThermalUnit

WEIGHTS = Path(__file__).with_suffix(".safetensors")
BESIDE = Path(__file__).parent
PICTURES = "efficientnet-lite0-57934424.pth"

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


class ThermalNet:
    """Prepared frames to what is in them. Threads may share one."""

    def __init__(self) -> None:
        """Raises CheckpointError when a file of weights is missing or another."""
        self._pictures = Graph(BESIDE / "lite0.onnx", packaged_file(PICTURES))
        self._head = Graph(WEIGHTS.with_suffix(".onnx"), WEIGHTS)
        self._words = load_words()

    def __call__(self, frames: FloatArray) -> Sequence[FloatArray]:
        """float32 (n, 1, 256, 320) to vectors (n, 384) of length 1, and to the expected numbers
        (n, 4) of CONCEPTS."""
        maps, logits = self._pictures(frames)
        return self._head(maps, placed(logits, self._words))
