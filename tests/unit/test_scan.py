"""A scan with torch finds what single precision finds, whatever the device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from searchengine.store.vectors.scan import Scan


def unit(rows: int, dim: int = 24, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def wanted(vectors: np.ndarray, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    scores = queries @ vectors.astype(np.float32).T
    rows = np.argsort(-scores, axis=1)[:, :count]
    return rows, np.take_along_axis(scores, rows, axis=1)


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 1000])
@pytest.mark.parametrize("batch", [1, 9])
def test_an_exact_scan_is_exact_at_any_size(rows: int, batch: int) -> None:
    vectors, queries = unit(rows).astype(np.float16), unit(batch, seed=1)
    count = min(10, rows)
    scan = Scan.of([vectors[:20], vectors[20:]], np.arange(rows), 24, "cpu")
    found, similarities = scan.search(queries, 10)
    right, cosines = wanted(vectors, queries, count)
    assert np.array_equal(found[:, :count], right)
    assert np.all(found[:, count:] == -1)
    assert np.allclose(similarities[:, :count], cosines, atol=1e-5)


def test_only_allowed_rows_are_found_and_all_of_them_when_they_are_few() -> None:
    vectors, queries = unit(500).astype(np.float16), unit(3, seed=1)
    allowed = np.zeros(500, bool)
    allowed[[3, 77, 499]] = True
    found, _ = Scan.of([vectors], np.arange(500), 24, "cpu").search(
        queries, 10, torch.from_numpy(allowed)
    )
    assert all(set(row[:3]) == {3, 77, 499} and set(row[3:]) == {-1} for row in found.tolist())


def test_more_scores_than_are_kept_at_a_time_give_the_same_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, queries = unit(1000).astype(np.float16), unit(5, seed=1)
    monkeypatch.setattr("searchengine.store.vectors.scan.SCORES", 8 * 96)
    found, _ = Scan.of([vectors], np.arange(1000), 24, "cpu").search(queries, 10)
    assert np.array_equal(found, wanted(vectors, queries, 10)[0])


def test_rows_are_found_at_the_places_they_were_given() -> None:
    vectors, queries = unit(70).astype(np.float16), unit(3, seed=1)
    places = np.random.default_rng(2).permutation(70)
    found, _ = Scan.of([vectors[:33], vectors[33:]], places, 24, "cpu").search(queries, 10)
    assert np.array_equal(found, places[wanted(vectors, queries, 10)[0]])


def test_all_lists_hold_everything_and_few_lists_most_of_what_is_near() -> None:
    vectors, queries = unit(2000).astype(np.float16), unit(8, seed=1)
    centroids = vectors[:16].astype(np.float32)
    member = (vectors[:1990].astype(np.float32) @ centroids.T).argmax(1)
    order = np.concatenate([np.argsort(member, kind="stable"), np.arange(1990, 2000)])
    places = np.argsort(order)
    scan = Scan.of([vectors], places, 24, "cpu").in_lists(centroids, np.bincount(member))
    right = wanted(vectors, queries, 10)[0]
    every = order[scan.nearest(torch.from_numpy(queries), 10, 16)[0]]
    assert np.array_equal(np.sort(every), np.sort(right))
    few = order[scan.nearest(torch.from_numpy(queries), 10, 6)[0]]
    shares = [len(set(a) & set(b)) / 10 for a, b in zip(few.tolist(), right.tolist(), strict=True)]
    assert np.mean(shares) > 0.6  # 6 of 16 lists, of vectors that have no structure
    newest = scan.nearest(torch.from_numpy(vectors[1995:].astype(np.float32)), 1, 1)[0]
    assert order[newest].ravel().tolist() == list(range(1995, 2000)), "in no list, yet found"
