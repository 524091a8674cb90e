"""Whether what is searched of a collection fits in the memory it may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from searchengine.store.build import INDEX, SHARD
from searchengine.store.catalog import Manifest
from searchengine.store.vectors.recipe import Recipe
from searchengine.types import Collection, Modality


def fitted(
    recipe: Recipe, collection: Collection, manifest: Manifest, added: Mapping[Modality, int]
) -> tuple[Recipe, set[Modality]]:
    """The recipe for a collection with so many vectors ``added``, and the modalities whose
    indexes must be made anew by it: all of them, where they take more than the budget as they are.

    The budget is the recipe's, or else the one that is kept with the collection. Raises
    BudgetTooSmall.
    """
    budget = manifest.budget_bytes if recipe.budget_bytes is None else recipe.budget_bytes
    recipe = replace(recipe, budget_bytes=budget)
    if not budget:
        return recipe, set()
    counts = dict(added)
    for row in manifest.files:
        if row.kind == SHARD:
            modality = Modality(row.modality)
            counts[modality] = counts.get(modality, 0) + row.rows
    for modality, dead in manifest.tombstones.items():
        counts[modality] -= len(dead)
    dim = collection.dim
    recipe = recipe.fitting(dim, list(counts.values()))
    indexes = {Modality(row.modality): row for row in manifest.files if row.kind == INDEX}
    taken = 0
    for modality, count in counts.items():
        if index := indexes.get(modality):
            beside = min(max(0, count - index.rows), recipe.delta_limit(index.rows))
            taken += index.size_bytes + recipe.exact_bytes(dim, beside)
        else:
            taken += recipe.most_bytes(dim, count)
    return recipe, set(indexes) if taken > budget else set()
