"""How many vectors get which index, and how hard a search tries. A table with reasons.

Measured on joint embeddings of 1024-d, each modality a cone of its own (docs/benchmarks.md).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from searchengine.errors import BudgetTooSmall


class Action(enum.StrEnum):
    """What a commit does about the index of a modality."""

    KEEP = "keep"
    EXTEND = "extend"
    TRAIN = "train"


@dataclass(frozen=True, slots=True)
class Effort:
    """What one search spends: share of the lists that is probed, candidates reranked per hit."""

    probed: float
    rerank_factor: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """The numbers, each with its reason.

    ``exact_below``: an exact scan of 20,000 half-precision vectors takes about 4 ms a query
    and has full recall; k-means on fewer is poorly trained. ``delta_floor``, ``delta_share``,
    ``delta_ceiling``: new vectors are searched exactly beside the index until they are more
    than a tenth of it, within 5,000 (about 1 ms) and 20,000 (the same 4 ms); then they are
    added to its lists. ``grown``: lists learnt from half of today's vectors still fit;
    beyond that they are learnt again. ``dead_share``: a fifth of tombstones costs a fifth of
    every scan; then the index is made anew without them. ``points_per_list``: k-means gains
    little from more than 64 samples a list, and building time is linear in them.
    ``exact_allowed``: below this many candidates left by a filter, scanning just those is
    faster than the index and has full recall.
    ``recall``: what an index is tuned to, of the 10 nearest (store/tune.py); ``retuned``: once
    it holds half as many again, it is tuned anew.
    ``within`` and ``across`` hold where nothing was measured: the share of lists that reached
    0.95 recall@10 was 0.10 within a modality and 0.17 from another on one synthetic set, 0.19
    and 0.68 on a harder one (docs/benchmarks.md). A query of another modality looks from outside
    the cone, and such queries are what this is for. More than 4 candidates a hit to rerank gained
    nothing on either; 10 are kept where the codes of strangers are compared.
    ``code_dims``: dimensions that share a code of 4 bits. 2 had the best time at 0.95 recall of
    the codes measured; ``coarser`` ones take a half and a quarter of its memory and need more
    reranking, which tuning finds. They are taken where ``budget_bytes``, for all vectors of a
    collection, asks for them; 0 is no limit, None what is kept with the collection.
    ``on_gpu``: lists are learnt on the GPUs that FAISS finds; only its GPU build finds any.
    """

    exact_below: int = 20_000
    delta_floor: int = 5_000
    delta_share: float = 0.1
    delta_ceiling: int = 20_000
    grown: float = 2.0
    dead_share: float = 0.2
    recall: float = 0.95
    retuned: float = 1.5
    points_per_list: int = 64
    exact_allowed: int = 4_000
    code_dims: int = 2
    coarser: tuple[int, ...] = (4, 8)
    budget_bytes: int | None = None
    on_gpu: bool = False
    within: Effort = Effort(probed=0.2, rerank_factor=4)
    across: Effort = Effort(probed=0.7, rerank_factor=10)

    def action(self, indexed: int, trained_on: int, delta: int, dead: int) -> Action:
        """What to do with an index of ``indexed`` vectors (0: none yet)."""
        total = indexed + delta - dead
        if indexed == 0:
            return Action.TRAIN if total > self.exact_below else Action.KEEP
        if dead > self.dead_share * indexed or total > self.grown * trained_on:
            return Action.TRAIN
        return Action.EXTEND if delta > self.delta_limit(indexed) else Action.KEEP

    def delta_limit(self, indexed: int) -> int:
        """New vectors that are searched beside an index of so many."""
        return int(min(max(indexed * self.delta_share, self.delta_floor), self.delta_ceiling))

    def lists(self, count: int) -> int:
        """Lists for ``count`` vectors."""
        return round(2 * math.sqrt(count))

    def factory(self, dim: int, count: int) -> str:
        """A faiss factory string: IVF over spherical k-means, and 4-bit PQ.

        The means of the lists are compared one by one: of a million vectors' a graph of them
        (HNSW32) reached a tenth, so that no effort found more than 0.87 of what strangers ask for
        (docs/benchmarks.md).
        """
        return f"IVF{self.lists(count)},PQ{dim // self.code_dims}x4fs"

    def exact_bytes(self, dim: int, count: int) -> int:
        """Memory of vectors that are compared one by one: half precision, and an id."""
        return count * (2 * dim + 8)

    def most_bytes(self, dim: int, count: int) -> int:
        """Memory that searching ``count`` vectors takes, at most: codes and ids in lists that are
        filled up to blocks of 32, the means of lists, the code book, and the new vectors beside."""
        if count <= self.exact_below:
            return self.exact_bytes(dim, count)
        lists = self.lists(count)
        codes = (count + 31 * lists) * (math.ceil(dim // self.code_dims / 2) + 8)
        means = (lists + 16) * 4 * dim
        return codes + means + self.exact_bytes(dim, self.delta_limit(count))

    def fitting(self, dim: int, counts: Sequence[int]) -> Recipe:
        """With the finest codes by which so many vectors of each modality fit the budget.

        Raises BudgetTooSmall.
        """
        if not self.budget_bytes:
            return self
        each = [replace(self, code_dims=dims) for dims in (self.code_dims, *self.coarser)]
        each = [recipe for recipe in each if dim % recipe.code_dims == 0] or [self]
        takes = [sum(recipe.most_bytes(dim, count) for count in counts) for recipe in each]
        for recipe, needed in zip(each, takes, strict=True):
            if needed <= self.budget_bytes:
                return recipe
        raise BudgetTooSmall(self.budget_bytes, takes[-1], sum(counts))

    def effort(self, same_modality: bool) -> Effort:
        return self.within if same_modality else self.across


RECIPE = Recipe()
