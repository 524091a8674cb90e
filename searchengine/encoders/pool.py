"""Several vectors of one thing (views, windows, frames) to the one it is found by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from searchengine.encoders.encoder import Prepared
from searchengine.types import FloatArray


def pooled(vectors: FloatArray, batch: Sequence[Prepared]) -> FloatArray:
    """Unit vectors float32 (len(batch), dim): of each prepared thing the mean of its own.

    ``vectors`` (total, dim) follow one another as in ``batch``, whose first axis counts them.
    """
    ends = np.cumsum([len(one) for one in batch])[:-1]
    means = np.stack([part.mean(axis=0) for part in np.split(vectors, ends)])
    unit: FloatArray = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit
