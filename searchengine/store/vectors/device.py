"""The vectors of one modality on a GPU, by the ids of their segments."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt
import torch

from searchengine.store.shards import Blocks
from searchengine.store.vectors.scan import Scan
from searchengine.types import FloatArray

log = logging.getLogger(__name__)

IdArray = npt.NDArray[np.int64]


class DeviceScan:
    """Compares queries with every vector. Made anew for each generation, when first asked."""

    def __init__(self, ids: IdArray, scan: Scan, device: str) -> None:
        self._ids, self._scan, self._device = ids, scan, device

    @classmethod
    def of(cls, blocks: Blocks, rows: int, dim: int, device: str) -> DeviceScan | None:
        """None, and a warning, where there is no such device or it has no room."""
        ids: list[IdArray] = [np.empty(0, np.int64)]

        def vectors() -> list[npt.NDArray[np.float16]]:
            pairs = list(blocks)
            ids.extend(some for some, _ in pairs)
            return [part for _, part in pairs]

        try:
            scan = Scan.of(vectors(), rows, dim, device)
        except (RuntimeError, AssertionError) as error:  # torch has no finer ones for both
            log.warning("searching on the processor: %s", str(error).splitlines()[0])
            return None
        return cls(np.concatenate(ids), scan, device)

    def nearest(self, queries: FloatArray, count: int, allowed: IdArray | None = None) -> IdArray:
        """Ids int64 (b, k) of the ``count`` nearest to each query, best first; -1 for none."""
        kept = None
        if allowed is not None:
            flags = np.isin(self._ids, allowed, assume_unique=True)
            kept = torch.from_numpy(flags).to(self._device)
        rows, _ = self._scan.search(queries, count, kept)
        return np.where(rows >= 0, self._ids[rows], -1) if len(self._ids) else rows
