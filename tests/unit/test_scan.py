"""A scan with torch finds what single precision finds, whatever the device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from searchengine.store.vectors.scan import ListScan, Scan, lists_of


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
    scan = Scan.of([vectors[:20], vectors[20:]], rows, 24, "cpu")
    found, similarities = scan.search(queries, 10)
    right, cosines = wanted(vectors, queries, count)
    assert np.array_equal(found[:, :count], right)
    assert np.all(found[:, count:] == -1)
    assert np.allclose(similarities[:, :count], cosines, atol=1e-5)


def test_only_allowed_rows_are_found_and_all_of_them_when_they_are_few() -> None:
    vectors, queries = unit(500).astype(np.float16), unit(3, seed=1)
    allowed = np.zeros(500, bool)
    allowed[[3, 77, 499]] = True
    found, _ = Scan.of([vectors], 500, 24, "cpu").search(queries, 10, torch.from_numpy(allowed))
    assert all(set(row[:3]) == {3, 77, 499} and set(row[3:]) == {-1} for row in found.tolist())


def test_more_scores_than_are_kept_at_a_time_give_the_same_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, queries = unit(1000).astype(np.float16), unit(5, seed=1)
    monkeypatch.setattr("searchengine.store.vectors.scan.SCORES", 8 * 96)
    found, _ = Scan.of([vectors], 1000, 24, "cpu").search(queries, 10)
    assert np.array_equal(found, wanted(vectors, queries, 10)[0])


def test_all_lists_hold_everything_and_few_lists_most_of_what_is_near() -> None:
    vectors, queries = torch.from_numpy(unit(2000)).half(), torch.from_numpy(unit(8, seed=1))
    torch.manual_seed(0)
    centroids, member = lists_of(vectors, 16, 1000)
    order = member.argsort(stable=True)
    starts = torch.zeros(17, dtype=torch.int64)
    starts[1:] = torch.bincount(member, minlength=16).cumsum(0)
    scan = ListScan(vectors[order], centroids, starts)
    right = wanted(vectors.numpy(), queries.numpy(), 10)[0]
    every = order[scan.nearest(queries, 10, 16)[0]].numpy()
    assert np.array_equal(np.sort(every), np.sort(right))
    few = order[scan.nearest(queries, 10, 6)[0]].numpy()
    shares = [len(set(a) & set(b)) / 10 for a, b in zip(few.tolist(), right.tolist(), strict=True)]
    assert np.mean(shares) > 0.6  # 6 of 16 lists, of vectors that have no structure
