"""The FAISS index of one modality: made from vectors, read from a file, asked for candidates."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from searchengine.errors import StoreCorrupt
from searchengine.store.vectors.recipe import Effort, Recipe
from searchengine.types import FloatArray

# OpenMP's threads wait for their next turn in circles, unless this is set when it is loaded: where
# others want the cores, a search took 3 to 6 times as long. Torch has an OpenMP of its own.
_WAITING = "OMP_WAIT_POLICY"
if _is_ours := _WAITING not in os.environ:
    os.environ[_WAITING] = "PASSIVE"
import faiss  # noqa: E402

if _is_ours:
    del os.environ[_WAITING]

IdArray = npt.NDArray[np.int64]

#: Fixed, so that the same vectors always give the same index.
SEED = 20_240_917


def train(sample: FloatArray, count: int, recipe: Recipe) -> Any:
    """An empty index with lists and codes for ``count`` vectors, learnt from ``sample``."""
    index = faiss.index_factory(
        sample.shape[1], recipe.factory(sample.shape[1], count), faiss.METRIC_INNER_PRODUCT
    )
    index.cp.spherical = True
    index.cp.seed = SEED
    index.cp.max_points_per_centroid = recipe.points_per_list
    index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1  # it only prints
    if recipe.on_gpu and faiss.get_num_gpus():
        # the index only borrows it: the name keeps it alive
        assigner = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(sample.shape[1]))
        index.clustering_index = assigner
        index.train(sample)
        index.clustering_index = None
    else:
        index.train(sample)
    return index


def extend(index: Any, blocks: Iterable[tuple[IdArray, npt.NDArray[np.float16]]]) -> None:
    """Add vectors under their ids."""
    for ids, vectors in blocks:
        index.add_with_ids(vectors.astype(np.float32), ids)


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """What an index has learnt: ``centroids`` float32 (lists, d), and the ``ids`` in each list."""

    centroids: FloatArray
    ids: list[IdArray]


def lists_of(index: Any) -> Lists:
    held = index.invlists
    ids = [
        faiss.rev_swig_ptr(held.get_ids(one), held.list_size(one)).copy()
        for one in range(index.nlist)
    ]
    return Lists(index.quantizer.reconstruct_n(0, index.nlist), ids)


def write_index(file: BinaryIO, index: Any) -> None:
    faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))


def read_index(path: Path, dim: int, rows: int) -> Any:
    """Read a file that our own manifest names and whose checksum holds.

    Raises StoreCorrupt when it is not the index the manifest describes.
    """
    try:
        index = faiss.read_index(str(path))
    except RuntimeError as error:
        raise StoreCorrupt(str(path), "not a FAISS index; run verify --repair") from error
    if index.d != dim or index.ntotal != rows:
        raise StoreCorrupt(str(path), "not the index of this collection; run verify --repair")
    return index


class Parameters:
    """What a search of an index is given, as often as wanted: effort, and allowed ``ids``.

    They go with each call, since threads share the index. Ids must be below ``size``; None
    allows every vector.
    """

    def __init__(self, index: Any, effort: Effort, ids: IdArray | None, size: int) -> None:
        self._borrowed = None if ids is None else bitmap_selector(ids, size)
        self.value = faiss.SearchParametersIVF(
            nprobe=max(1, round(index.nlist * effort.probed)),
            sel=self._borrowed[0] if self._borrowed else None,
        )


def nearest_by_codes(index: Any, queries: FloatArray, count: int, how: Parameters) -> IdArray:
    """Ids int64 (q, count) by their codes, nearest first; -1 where there are fewer."""
    _, ids = index.search(np.ascontiguousarray(queries), count, params=how.value)
    found: IdArray = ids
    return found


def describe(index: Any) -> str:
    """As the recipe spells it: ``IVF894,PQ512x4fs``."""
    return f"IVF{index.nlist},PQ{index.pq.M}x4fs"


def bitmap_selector(ids: IdArray, size: int) -> tuple[Any, npt.NDArray[np.uint8]]:
    """A selector of exactly ``ids`` (all below ``size``), and the bits, which it borrows."""
    flags = np.zeros(size, bool)
    flags[ids] = True
    bits = np.packbits(flags, bitorder="little")
    return faiss.IDSelectorBitmap(bits), bits
