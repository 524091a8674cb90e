"""A collection takes no more memory than it was given, and still finds what it should."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from searchengine.errors import BudgetTooSmall
from searchengine.store.library import Library
from searchengine.store.status import status
from searchengine.store.vectors.recipe import RECIPE, Recipe
from searchengine.types import Collection, FloatArray, Modality
from tests.integration.store.shelf import SMALL, add, additions

DIM = 128


def clustered(count: int, seed: int) -> FloatArray:
    """Unit vectors in 40 clusters."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(40, DIM))
    rows = centres[rng.integers(40, size=count)] + 0.5 * rng.normal(size=(count, DIM))
    unit: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


@contextmanager
def limited(path: Path, budget_bytes: int | None) -> Iterator[tuple[Library, Collection]]:
    recipe = replace(SMALL, budget_bytes=budget_bytes)
    with Library(path, create=True, recipe=recipe) as library:
        if not library.catalog.collections():
            with library.writer() as writer:
                writer.create("default", "hash", "hash@1", "{}", DIM)
        yield library, library.catalog.collection("default")


def methods(library: Library) -> dict[Modality, str]:
    return {one.modality: one.method.split(",")[-1] for one in status(library)[0].indexes}


def memory(library: Library) -> int:
    return sum(one.memory_bytes for one in status(library)[0].indexes)


def recall(library: Library, collection: Collection) -> float:
    table = library.snapshot(collection).tables[Modality.IMAGE]

    def ids(query: FloatArray, exact: bool) -> set[int]:
        image = Modality.IMAGE
        (found,) = table.search(query[None], 10, modality=image, asked=[image], exact=exact)
        return set(found.ids.tolist())

    asked = clustered(50, seed=99)
    return float(np.mean([len(ids(q, False) & ids(q, True)) / 10 for q in asked]))


def needed(recipe: Recipe, *counts: int) -> int:
    return sum(recipe.most_bytes(DIM, count) for count in counts)


@pytest.mark.parametrize(("dims", "codes"), [(2, "PQ64x4fs"), (4, "PQ32x4fs"), (8, "PQ16x4fs")])
def test_the_finest_codes_that_fit_are_taken_and_find_enough(
    tmp_path: Path, dims: int, codes: str
) -> None:
    budget = needed(replace(SMALL, code_dims=dims), 3_000)
    with limited(tmp_path, budget) as (library, collection):
        add(library, collection, additions(clustered(3_000, 1)))
        assert methods(library) == {Modality.IMAGE: codes}
        assert 0 < memory(library) <= budget
        assert recall(library, collection) >= 0.95


def test_a_collection_that_grows_stays_within_its_budget_with_coarser_codes(
    tmp_path: Path,
) -> None:
    budget = needed(SMALL, 1_200)
    with limited(tmp_path, budget) as (library, collection):
        add(library, collection, additions(clustered(1_200, 1)))
        assert methods(library) == {Modality.IMAGE: "PQ64x4fs"}
        for number in range(3):
            add(library, collection, additions(clustered(500, 2 + number), f"i{number}"))
            assert memory(library) <= budget
        assert methods(library) != {Modality.IMAGE: "PQ64x4fs"}


def test_a_budget_given_later_holds_also_for_a_modality_that_is_not_added_to(
    tmp_path: Path,
) -> None:
    with limited(tmp_path, None) as (library, collection):
        add(library, collection, additions(clustered(3_000, 1), "a", Modality.AUDIO))
    budget = needed(replace(SMALL, code_dims=8), 3_000, 250)
    with limited(tmp_path, budget) as (library, collection):
        add(library, collection, additions(clustered(250, 2), "i"))
        assert methods(library) == {Modality.AUDIO: "PQ16x4fs", Modality.IMAGE: "exact"}
        assert memory(library) <= budget


def test_a_budget_is_kept_with_the_collection_until_another_or_none_is_given(
    tmp_path: Path,
) -> None:
    budget = needed(replace(SMALL, code_dims=4), 2_010)
    for given, codes, kept in (
        (budget, "PQ32x4fs", budget),
        (None, "PQ32x4fs", budget),
        (0, "PQ64x4fs", None),
    ):
        with limited(tmp_path, given) as (library, collection):
            count = 1 if library.catalog.item_count(collection) else 2_000
            add(library, collection, additions(clustered(count, 1), f"{given}{codes}"))
            with library.writer() as writer:
                writer.rebuild(collection)
            assert methods(library) == {Modality.IMAGE: codes}
            assert status(library)[0].budget_bytes == kept


def test_a_budget_too_small_for_the_coarsest_is_an_error_that_loses_nothing(tmp_path: Path) -> None:
    with limited(tmp_path, 100_000) as (library, collection):
        add(library, collection, additions(clustered(200, 1)))
        with pytest.raises(BudgetTooSmall, match=r"budget of 0\.1 MB is too small.*3,200 vectors"):
            add(library, collection, additions(clustered(3_000, 2), "b"))
        assert status(library)[0].items == 200
        add(library, collection, additions(clustered(10, 3), "c"))


def test_compacting_with_a_budget_shrinks_an_index_and_without_one_makes_it_fine_again(
    tmp_path: Path,
) -> None:
    with limited(tmp_path, None) as (library, collection):
        add(library, collection, additions(clustered(3_000, 1)))
        before = memory(library)
    for budget, codes in ((needed(replace(SMALL, code_dims=8), 3_000), "16"), (0, "64")):
        with limited(tmp_path, budget) as (library, collection):
            with library.writer() as writer:
                writer.compact(collection)
            assert methods(library) == {Modality.IMAGE: f"PQ{codes}x4fs"}
            assert memory(library) < before if budget else memory(library) == before


def test_the_error_goes_between_processes_whole() -> None:
    error = pickle.loads(pickle.dumps(BudgetTooSmall(5, 10, 3)))
    assert (error.budget_bytes, error.least_bytes, error.vectors) == (5, 10, 3)


def test_codes_that_do_not_divide_the_vectors_are_not_taken() -> None:
    with pytest.raises(BudgetTooSmall):
        replace(RECIPE, budget_bytes=1).fitting(18, [1_000_000])
    budget = replace(RECIPE, code_dims=4).most_bytes(20, 1_000_000)
    assert replace(RECIPE, budget_bytes=budget).fitting(20, [1_000_000]).code_dims == 4
