"""Pictures to the space: EfficientNet-Lite2 says what it sees, its words say where that lies.

A picture's vector is the sum of the text embeddings of its likeliest ImageNet classes, weighed
by their probability (ConSE, Norouzi et al. 2014).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load

from searchengine.models.starter.graph import Graph
from searchengine.models.starter.packaged import held, packaged_file
from searchengine.types import FloatArray

#: Text embeddings of the 1,000 classes, made by scripts/make_starter_words.py.
WORDS = Path(__file__).with_name("image_words.safetensors")

#: EfficientNet-Lite2 (Tan & Le 2019; TensorFlow TPU models, 2020), Apache-2.0.
NETWORK = "efficientnet-lite2-9656183e.pth"

#: Input of Lite2: 260 px, (x - 127) / 128. The Lite models were trained on crops of any shape
#: that are squeezed into the square, so a whole picture may be, too.
SIDE_PX = 260
MEAN, SCALE = 127.0, 128.0

#: Of a longer picture, only the middle is seen: this many times its short side.
MAX_ASPECT = 2.0

#: Classes that make the vector, and the power their probabilities are softened by: of the values
#: tried the best on photos that are cut out and on the demo's, which are no test set since.
TOP = 20
SOFTNESS = 0.7


def prepare(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> FloatArray:
    """RGB uint8 (h, w, 3) of any size to float32 (3, 260, 260)."""
    picture = Image.fromarray(pixels)
    longest = min(picture.size) * MAX_ASPECT
    width, height = (min(side, longest) for side in picture.size)
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    middle = (left, top, left + width, top + height)  # only that is scaled: it may be a line
    whole = picture.resize(
        (SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box=middle, reducing_gap=3.0
    )
    array = (np.asarray(whole, np.float32) - MEAN) / SCALE
    return np.ascontiguousarray(array.transpose(2, 0, 1))


class ImageNet:
    """Prepared pictures to unit vectors. Threads may share one."""

    def __init__(self) -> None:
        self._network = Graph(Path(__file__).with_name("lite2.onnx"), packaged_file(NETWORK))
        self._words = load_words()

    def __call__(self, pictures: FloatArray) -> FloatArray:
        """float32 (n, 3, 260, 260) to float32 (n, 384)."""
        return placed(self._network(pictures)[0], self._words)


def placed(logits: FloatArray, words: FloatArray) -> FloatArray:
    """Unit vectors (n, 384) of what has these logits (n, 1000)."""
    best = np.argpartition(logits, -TOP, axis=1)[:, -TOP:]
    likely = np.take_along_axis(logits, best, axis=1)
    chances = np.exp(SOFTNESS * (likely - likely.max(axis=1, keepdims=True)))
    vectors = np.einsum("nk,nkd->nd", chances, words[best])
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def load_words() -> FloatArray:
    """Text embeddings of the classes, float32 (1000, 384)."""
    return load(held(WORDS))["words"].astype(np.float32)
