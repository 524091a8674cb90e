"""Exact and list-wise scans of half-precision vectors with torch, on a GPU or any other device.

Loaded only where a device was chosen; it needs neither FAISS nor SQL.

A scan reads every vector once and keeps, for each group of 32 neighbouring rows, only their
greatest similarity. The k nearest lie in the k groups with the greatest ones, so a second step
looks at just those groups, in single precision. Sorting ten million scores would cost more than
computing them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from searchengine.types import FloatArray

IdArray = npt.NDArray[np.int64]

#: Rows of a group: 64 KB at 1024-d, read in one piece.
GROUP = 32

#: Groups looked at beyond k: half precision may swap those that are nearly equal.
SLACK = 8

#: Scores kept at a time (64 MB in half precision): about what the cache of a large GPU holds.
SCORES = 1 << 25

#: Several queries are filled up to a multiple of this: tensor cores take no fewer.
PADDED = 8

#: What looking at lists costs, in vectors of 1024 read by a whole scan: each is gathered, written
#: and read again, and starting the steps of one query takes 0.4 ms (docs/benchmarks.md, H100).
COPIED, LAUNCHED = 3, 500_000

#: Vectors gathered at a time: 512 MB of 1024-d.
GATHERED = 1 << 18

#: From so many queries on, scores of one vector lie side by side, before that those of one query.
WIDE = 32


class Scan:
    """Compares with every vector: ``vectors`` float16 (n, d) of length 1, on its device.

    Rows are best a multiple of 32; otherwise they are copied once. Threads may share it.
    """

    def __init__(self, vectors: Tensor) -> None:
        self.rows, self.dim = vectors.shape
        self._vectors = _whole_groups(vectors)
        self._groups = self._vectors.view(-1, GROUP, self.dim)

    @classmethod
    def of(
        cls, blocks: Iterable[npt.NDArray[np.float16]], places: IdArray, dim: int, device: str
    ) -> Scan:
        """Of the rows in blocks, each put at its one of ``places``, which are 0 to n - 1 in any
        order; no more than one block is held twice."""
        held = torch.zeros((_padded(len(places)), dim), dtype=torch.float16, device=device)
        start = 0
        for block in blocks:
            there = torch.from_numpy(places[start : start + len(block)]).to(device)
            held[there] = torch.from_numpy(np.array(block)).to(device)
            start += len(block)
        scan = cls(held)
        scan.rows = len(places)
        return scan

    def in_lists(self, centroids: FloatArray, sizes: IdArray) -> ListScan:
        """The same vectors, list after list of ``sizes``, searched by the nearest of ``centroids``
        float32 (lists, d); those after the last list are always compared."""
        device, half = self._vectors.device, self._vectors.dtype
        starts = torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)])).to(device)
        coarse = torch.nn.functional.normalize(torch.from_numpy(centroids), dim=1)
        return ListScan(self._vectors[: self.rows], coarse.to(device, half), starts)

    def search(
        self, queries: FloatArray, count: int, allowed: Tensor | None = None
    ) -> tuple[IdArray, FloatArray]:
        """Rows int64 (b, k) and cosines float32 (b, k) of the ``count`` nearest to each of
        ``queries`` float32 (b, d), best first; -1 where there are fewer.

        ``allowed`` bool (n,), on the device, says which rows may be found.
        """
        asked = torch.from_numpy(np.ascontiguousarray(queries)).to(self._vectors.device)
        rows, similarities = self.nearest(asked, count, allowed)
        return rows.cpu().numpy(), similarities.cpu().numpy()

    @torch.inference_mode()
    def nearest(
        self, queries: Tensor, count: int, allowed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As ``search``, with tensors that stay on the device."""
        best = self._greatest(queries, allowed)
        chosen = best.topk(min(count + SLACK, best.shape[1]), dim=1).indices
        rows = (chosen[..., None] * GROUP + torch.arange(GROUP, device=chosen.device)).flatten(1)
        near = torch.cat(
            [
                torch.bmm(self._groups[groups].flatten(1, 2).float(), asked[..., None])[..., 0]
                for groups, asked in zip(
                    torch.split(chosen, 16), torch.split(queries.float(), 16), strict=True
                )
            ]
        )
        barred = rows >= self.rows
        if allowed is not None:
            barred |= ~allowed[rows.clamp(max=self.rows - 1)]
        near.masked_fill_(barred, -torch.inf)
        similarities, order = near.topk(min(count, near.shape[1]), dim=1)
        return rows.gather(1, order).masked_fill(similarities == -torch.inf, -1), similarities

    def _greatest(self, queries: Tensor, allowed: Tensor | None) -> Tensor:
        """The greatest similarity in each group, in half precision (b, groups)."""
        asked = _fitted(queries.to(self._vectors.dtype))
        step = max(SCORES // len(asked) // GROUP, 1) * GROUP
        parts = []
        for start in range(0, len(self._vectors), step):
            scores = self._scores(asked, start, step)
            if allowed is not None:
                part = allowed[start : start + step]
                scores[: len(part)].masked_fill_(~part[:, None], -torch.inf)
            parts.append(torch.unflatten(scores, 0, (-1, GROUP)).amax(dim=1))
        return torch.cat(parts).T[: len(queries)].contiguous()

    def _scores(self, asked: Tensor, start: int, step: int) -> Tensor:
        """Of some rows (r, b), lying so that a group's greatest are found in long reads."""
        rows = self._vectors[start : start + step]
        return rows @ asked.T if len(asked) >= WIDE else (asked @ rows.T).T


class ListScan:
    """Compares with the vectors of the nearest lists only.

    ``vectors`` float16 (n, d) lie list after list; ``starts`` int64 (lists + 1,) says where each
    begins, and ``centroids`` float16 (lists, d) are of length 1; what comes after the last list is
    compared with every query. It copies what it reads, three times the traffic of a whole scan
    per vector, so it pays for one or a few queries.
    """

    def __init__(self, vectors: Tensor, centroids: Tensor, starts: Tensor) -> None:
        self._vectors, self._centroids, self._starts = vectors, centroids, starts
        self.lists = len(centroids)
        self._rest = torch.arange(int(starts[-1]), len(vectors), device=vectors.device)

    def pays(self, queries: int, nprobe: int) -> bool:
        """Whether it reads less than a whole scan, which reads each vector once for all queries."""
        read = COPIED * nprobe / self.lists * len(self._vectors) + LAUNCHED
        return queries * read < len(self._vectors)

    @torch.inference_mode()
    def nearest(self, queries: Tensor, count: int, nprobe: int) -> tuple[Tensor, Tensor]:
        """Rows and cosines (b, k) as ``Scan.nearest``, out of ``nprobe`` lists a query."""
        found = [self._one(query, count, nprobe) for query in queries.to(self._vectors.dtype)]
        return torch.stack([rows for rows, _ in found]), torch.stack([s for _, s in found])

    def _one(self, query: Tensor, count: int, nprobe: int) -> tuple[Tensor, Tensor]:
        lists = (self._centroids @ query).topk(nprobe).indices
        first, sizes = self._starts[lists], self._starts[lists + 1] - self._starts[lists]
        before = sizes.cumsum(0) - sizes
        rows = torch.repeat_interleave(first - before, sizes)
        rows += torch.arange(len(rows), device=rows.device)
        rows = torch.cat([rows, self._rest])
        near = torch.cat([self._vectors[part] @ query for part in torch.split(rows, GATHERED)])
        depth = min(count + SLACK, len(rows))
        likely = rows[near.topk(depth).indices]
        exact = self._vectors[likely].float() @ query.float()
        similarities, order = exact.topk(min(count, depth))
        short = count - len(order)
        padded = torch.nn.functional.pad
        return (
            padded(likely[order], (0, short), value=-1),
            padded(similarities, (0, short), value=-torch.inf),
        )


def _padded(rows: int) -> int:
    return -(-rows // GROUP) * GROUP


def _whole_groups(vectors: Tensor) -> Tensor:
    missing = _padded(len(vectors)) - len(vectors)
    return torch.nn.functional.pad(vectors, (0, 0, 0, missing)) if missing else vectors


def _fitted(queries: Tensor) -> Tensor:
    missing = -len(queries) % PADDED if len(queries) > 1 else 0
    return torch.nn.functional.pad(queries, (0, 0, 0, missing)) if missing else queries
