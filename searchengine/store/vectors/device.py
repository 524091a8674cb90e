"""The vectors of one modality on a GPU, by the ids of their segments."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from searchengine.store.vectors.faiss import Lists
from searchengine.store.vectors.scan import ListScan, Scan
from searchengine.types import FloatArray

log = logging.getLogger(__name__)

IdArray = npt.NDArray[np.int64]
Vectors = Iterable[npt.NDArray[np.float16]]


class DeviceScan:
    """Compares queries with every vector, or with those of the nearest lists where that is less.
    Made anew for each generation, when first asked."""

    def __init__(self, ids: IdArray, scan: Scan, lists: ListScan | None, device: str) -> None:
        self._ids, self._scan, self._lists, self._device = ids, scan, lists, device

    @classmethod
    def of(
        cls, ids: IdArray, vectors: Vectors, dim: int, lists: Lists | None, device: str
    ) -> DeviceScan | None:
        """Of ``vectors`` float16 (n, d) in blocks, by their ``ids`` (ascending). None, and a
        warning, where there is no such device or it has no room."""
        order, sizes = np.arange(len(ids)), np.empty(0, np.int64)
        if lists is not None:
            order, sizes = _by_list(ids, lists.ids)
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        try:
            scan = Scan.of(vectors, places, dim, device)
            listed = scan.in_lists(lists.centroids, sizes) if lists is not None else None
        except (RuntimeError, AssertionError) as error:  # torch has no finer ones for both
            log.warning("searching on the processor: %s", str(error).splitlines()[0])
            return None
        return cls(ids[order], scan, listed, device)

    def nearest(
        self, queries: FloatArray, count: int, probed: float, allowed: IdArray | None = None
    ) -> IdArray:
        """Ids int64 (b, k) of the ``count`` nearest to each query, best first; -1 for none.

        ``probed`` is the share of lists that has to be looked at, where lists are.
        """
        kept = None
        if allowed is not None:
            flags = np.isin(self._ids, allowed, assume_unique=True)
            kept = torch.from_numpy(flags).to(self._device)
        elif (nprobe := self.probes(len(queries), probed)) and self._lists is not None:
            asked = torch.from_numpy(np.ascontiguousarray(queries)).to(self._device)
            return self._named(self._lists.nearest(asked, count, nprobe)[0].cpu().numpy())
        return self._named(self._scan.search(queries, count, kept)[0])

    def probes(self, queries: int, probed: float) -> int:
        """Lists that are looked at for each of so many queries asked at once; 0: compares all."""
        if self._lists is None:
            return 0
        nprobe = max(1, round(probed * self._lists.lists))
        return nprobe if self._lists.pays(queries, nprobe) else 0

    def _named(self, rows: IdArray) -> IdArray:
        return np.where(rows >= 0, self._ids[rows], -1) if len(self._ids) else rows


def _by_list(ids: IdArray, lists: Sequence[IdArray]) -> tuple[IdArray, IdArray]:
    """The order that puts ``ids`` (ascending) list after list, those of none last; and how many
    of them each list has. What lists hold beside them was deleted."""
    member = np.full(len(ids), len(lists))
    listed = np.concatenate(lists)
    number = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    there = np.isin(listed, ids, assume_unique=True)
    member[np.searchsorted(ids, listed[there])] = number[there]
    sizes = np.bincount(member, minlength=len(lists))[: len(lists)]
    return np.argsort(member, kind="stable"), sizes
