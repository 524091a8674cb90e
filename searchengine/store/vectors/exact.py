"""Exact cosines with vectors in half precision: of a few with a query, of all with many.

FAISS multiplies half precision as it is; NumPy makes single precision of one number at a time,
which takes five times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from searchengine.store.vectors.faiss import bitmap_selector
from searchengine.types import FloatArray

IdArray = npt.NDArray[np.int64]
HalfArray = npt.NDArray[np.float16]

#: From so many queries on, vectors are made single precision once for all of them: that takes
#: 1.6 us a vector of 1024-d, comparing then 0.04 us instead of 0.25 us a query (measured).
MANY = 10

#: Vectors made single precision at a time: 8 MB at 1024-d.
ROWS = 2_048


class Cosines:
    """Cosines with one set of vectors of ``dim`` after another, by one thread.

    Making the index each time would take as long as comparing a page's candidates.
    """

    def __init__(self, dim: int) -> None:
        self._index = _half_precision(dim)

    def of(self, vectors: HalfArray, directions: FloatArray) -> FloatArray:
        """Of each of ``directions`` float32 (p, d) with each of ``vectors`` (n, d), all of length
        1: float32 (p, n)."""
        if not len(vectors):
            return np.empty((len(directions), 0), np.float32)
        self._index.reset()
        self._index.add_sa_codes(_codes(vectors))
        found, rows = self._index.search(np.ascontiguousarray(directions), len(vectors))
        products: FloatArray = np.empty_like(found)
        np.put_along_axis(products, rows, found, axis=1)
        return products


def cosines(vectors: HalfArray, directions: FloatArray) -> FloatArray:
    """See ``Cosines``."""
    return Cosines(directions.shape[1]).of(vectors, directions)


def nearest(
    blocks: Iterable[tuple[IdArray, HalfArray]], queries: FloatArray, count: int
) -> IdArray:
    """Ids (q, ``count``) of the nearest to each query among all of ``blocks``, best first; -1
    where there are fewer."""
    best = np.full((len(queries), count), -np.inf, np.float32)
    ids = np.full((len(queries), count), -1, np.int64)
    for block_ids, vectors in blocks:
        for at in range(0, len(block_ids), ROWS):
            some = slice(at, at + ROWS)
            scores, rows = _nearest(vectors[some], queries, count)
            scores = np.concatenate([best, scores], axis=1)
            ids = np.concatenate([ids, block_ids[some][rows]], axis=1)
            order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
            best = np.take_along_axis(scores, order, axis=1)
            ids = np.take_along_axis(ids, order, axis=1)
    return ids


def flat_index(blocks: Iterable[tuple[IdArray, HalfArray]], dim: int) -> tuple[IdArray, Any]:
    """An exact half-precision index of all rows of ``blocks``, and the ids of its positions."""
    index = _half_precision(dim)
    kept = [np.empty(0, np.int64)]
    for ids, vectors in blocks:
        kept.append(ids)
        index.add_sa_codes(_codes(vectors))
    return np.concatenate(kept), index


def flat_nearest(
    index: Any, ids: IdArray, queries: FloatArray, count: int, allowed: IdArray | None = None
) -> IdArray:
    """Ids (q, n) of the ``count`` nearest to each query in a flat index whose positions are
    ``ids``, nearest first; -1 where there are fewer."""
    count = min(count, len(ids))
    if allowed is None and len(queries) >= MANY:
        return nearest(_held(index, ids), queries, count)
    how = None
    if allowed is not None:
        kept = np.flatnonzero(np.isin(ids, allowed, assume_unique=True))
        selector, _bits = bitmap_selector(kept, len(ids))
        how = faiss.SearchParameters(sel=selector)
    _, rows = index.search(np.ascontiguousarray(queries), count, params=how)
    return np.where(rows >= 0, ids[rows], -1)


def _nearest(vectors: HalfArray, queries: FloatArray, count: int) -> tuple[FloatArray, IdArray]:
    """Cosines and rows (q, n) of the nearest of some vectors, in any order."""
    index, codes = _half_precision(queries.shape[1]), _codes(vectors)
    count = min(count, len(vectors))
    if len(queries) < MANY:
        index.add_sa_codes(codes)
        return index.search(np.ascontiguousarray(queries), count)  # type: ignore[no-any-return]
    similarities = queries @ index.sa_decode(codes).T
    rows = np.argpartition(similarities, -count, axis=1)[:, -count:]
    return np.take_along_axis(similarities, rows, axis=1), rows


def _held(index: Any, ids: IdArray) -> Iterator[tuple[IdArray, HalfArray]]:
    """What a flat index holds."""
    codes = faiss.rev_swig_ptr(index.codes.data(), index.codes.size())
    yield ids, codes.view(np.float16).reshape(len(ids), index.d)


def _half_precision(dim: int) -> Any:
    return faiss.IndexScalarQuantizer(
        dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )


def _codes(vectors: HalfArray) -> npt.NDArray[np.uint8]:
    """A half-precision number is its own code."""
    return np.ascontiguousarray(vectors).view(np.uint8)
