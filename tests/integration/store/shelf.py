"""Ways to fill a library without any media."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from searchengine.store.change import Addition, Change
from searchengine.store.library import Library
from searchengine.store.vectors.recipe import Effort, Recipe
from searchengine.types import Collection, FloatArray, Modality

DIM = 16

#: Thresholds small enough that a test passes every one of them.
SMALL = Recipe(
    exact_below=300,
    delta_floor=50,
    delta_share=0.2,
    delta_ceiling=100,
    exact_allowed=20,
    within=Effort(probed=0.5, rerank_factor=20),
)


def unit(count: int, seed: int = 0, dim: int = DIM) -> FloatArray:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def addition(
    path: str,
    vectors: FloatArray,
    modality: Modality = Modality.IMAGE,
    row: str = "{}",
    replaces: int | None = None,
) -> Addition:
    return Addition(
        path=path,
        modality=modality,
        mime_type="image/png",
        size_bytes=1,
        modified_ns=1,
        sha256=path,
        recipe="",
        duration_s=None,
        metadata={},
        row=row,
        segments=tuple((modality, None) for _ in vectors),
        vectors=vectors,
        replaces=replaces,
    )


def additions(
    vectors: FloatArray, name: str = "a", modality: Modality = Modality.IMAGE
) -> list[Addition]:
    return [addition(f"/{name}/{i}", vectors[i : i + 1], modality) for i in range(len(vectors))]


def open_library(path: Path, recipe: Recipe = SMALL) -> Library:
    return Library(path, create=True, recipe=recipe)


def make_collection(library: Library, dim: int = DIM) -> Collection:
    with library.writer() as writer:
        return writer.create("default", "hash", "hash@1", "{}", dim)


def add(library: Library, collection: Collection, new: Sequence[Addition]) -> int:
    with library.writer() as writer:
        return writer.commit(collection, Change(additions=list(new)))


def nearest(
    library: Library,
    collection: Collection,
    query: FloatArray,
    count: int = 10,
    modality: Modality = Modality.IMAGE,
    **how: object,
) -> list[int]:
    table = library.snapshot(collection).tables[modality]
    (found,) = table.search(query[None], count, modality=modality, asked=[modality], **how)  # type: ignore[arg-type]
    return found.ids.tolist()
