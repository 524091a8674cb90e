"""An index is searched as hard as each kind of query needs, and that is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from searchengine.store.change import Change
from searchengine.store.library import Library
from searchengine.store.snapshot import VectorTable
from searchengine.store.status import status
from searchengine.store.vectors.faiss import train
from searchengine.store.vectors.recipe import RECIPE
from searchengine.types import Collection, FloatArray, Modality
from tests.integration.store.shelf import SMALL, add, additions, make_collection, open_library

DIM = 32
WANTED = replace(SMALL, exact_below=1_000)


def cone(count: int, seed: int, mean: int, meant: FloatArray | None = None) -> FloatArray:
    """Unit vectors about one axis; ``meant`` pulls them towards vectors of another cone."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, DIM)).astype(np.float32) / np.sqrt(DIM)
    rows[:, mean] += 1
    if meant is not None:
        rows += 0.7 * meant
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


IMAGES = cone(3_000, 1, mean=0)


def texts(count: int, seed: int) -> FloatArray:
    return cone(count, seed, mean=1, meant=IMAGES[np.arange(count) * 7 % len(IMAGES)])


def filled(library: Library) -> Collection:
    collection = make_collection(library, DIM)
    add(library, collection, additions(texts(200, 2), "t", Modality.TEXT))
    add(library, collection, additions(IMAGES, "i"))
    return collection


def table(library: Library, collection: Collection) -> VectorTable:
    return library.snapshot(collection).tables[Modality.IMAGE]


def recall(images: VectorTable, queries: FloatArray, asked: Modality) -> float:
    def ids(query: FloatArray, exact: bool) -> set[int]:
        (found,) = images.search(
            query[None], 10, modality=Modality.IMAGE, asked=[asked], exact=exact
        )
        return set(found.ids.tolist())

    return float(np.mean([len(ids(q, False) & ids(q, True)) / 10 for q in queries]))


def test_a_new_index_is_tuned_for_every_modality_there_is_and_reaches_the_recall(
    tmp_path: Path,
) -> None:
    with open_library(tmp_path, WANTED) as library:
        images = table(library, filled(library))
        assert set(images.points) == {Modality.TEXT, Modality.IMAGE}
        assert recall(images, texts(60, seed=9), Modality.TEXT) >= 0.95
        assert recall(images, cone(60, 10, mean=0), Modality.IMAGE) >= 0.95
        assert images.effort([Modality.TEXT], Modality.IMAGE).probed < 1
        (found,) = [i for i in status(library)[0].indexes if i.modality is Modality.IMAGE]
        assert {point.asked for point in found.points} == set(images.points)
        assert all(point.recall >= 0.95 for point in found.points)


def test_a_modality_that_was_not_measured_is_searched_as_hard_as_another_stranger(
    tmp_path: Path,
) -> None:
    with open_library(tmp_path, WANTED) as library:
        images = table(library, filled(library))
        text, image, both = (
            images.effort(asked, Modality.IMAGE)
            for asked in ([Modality.TEXT], [Modality.IMAGE], [Modality.TEXT, Modality.IMAGE])
        )
        assert images.effort([Modality.AUDIO], Modality.IMAGE) == text
        assert both.probed == max(text.probed, image.probed)
        assert both.rerank_factor == max(text.rerank_factor, image.rerank_factor)


def test_more_recall_takes_more_effort_and_readers_see_it_at_once(tmp_path: Path) -> None:
    with open_library(tmp_path, WANTED) as library:
        collection = filled(library)
        before = table(library, collection)
        with library.writer() as writer:
            writer.tune(collection, 0.6)
        after = table(library, collection)
        assert after.index is before.index  # the file is the same
        (low, high) = (t.effort([Modality.TEXT], Modality.IMAGE) for t in (after, before))
        assert (low.probed, low.rerank_factor) < (high.probed, high.rerank_factor)


def test_an_index_that_is_extended_keeps_its_points_until_it_has_outgrown_them(
    tmp_path: Path,
) -> None:
    with open_library(tmp_path, WANTED) as library:
        collection = filled(library)
        first = table(library, collection).points[Modality.TEXT]
        for number in range(14):
            add(library, collection, additions(cone(125, 20 + number, 0), f"more{number}"))
            images = table(library, collection)
            point = images.points[Modality.TEXT]
            assert images.indexed <= WANTED.retuned * point.rows
        assert point.rows > first.rows


def test_without_any_strangers_the_recipe_holds_for_them(tmp_path: Path) -> None:
    with open_library(tmp_path, WANTED) as library:
        collection = make_collection(library, DIM)
        add(library, collection, additions(IMAGES, "i"))
        images = table(library, collection)
        assert set(images.points) == {Modality.IMAGE}
        assert images.effort([Modality.TEXT], Modality.IMAGE) == WANTED.across
        with library.writer() as writer:
            writer.tune(collection, 0.95, {Modality.TEXT: texts(100, 3)})
        assert Modality.TEXT in table(library, collection).points


def test_deleted_vectors_are_neither_queries_nor_answers_of_a_tuning(tmp_path: Path) -> None:
    with open_library(tmp_path, replace(WANTED, dead_share=0.9)) as library:
        collection = filled(library)
        items = [200 + n for n in range(1, 1_000)]
        with library.writer() as writer:
            writer.commit(collection, Change(removed=items))
            writer.tune(collection)
        assert recall(table(library, collection), texts(40, 11), Modality.TEXT) >= 0.9


@pytest.mark.parametrize("points", [0, 3])
def test_too_few_strangers_are_no_sample(tmp_path: Path, points: int) -> None:
    with open_library(tmp_path, WANTED) as library:
        collection = make_collection(library, DIM)
        if points:
            add(library, collection, additions(texts(points, 2), "t", Modality.TEXT))
        add(library, collection, additions(IMAGES, "i"))
        assert Modality.TEXT not in table(library, collection).points


def test_every_list_can_be_probed_however_many_there_are() -> None:
    vectors = cone(5_000, 3, mean=0)
    index = train(vectors, 4_000_000, RECIPE)
    assert index.nlist == 4_000
    _, lists = index.quantizer.search(cone(20, 4, mean=1), index.nlist)
    assert all(len(set(row)) == index.nlist and min(row) >= 0 for row in lists.tolist())
