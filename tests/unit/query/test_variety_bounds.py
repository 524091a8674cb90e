"""When two vectors are copies of one thing."""

from __future__ import annotations

import numpy as np

from searchengine.query.variety import ALIKE, usual
from searchengine.types import FloatArray


def rows(count: int, spread: float) -> FloatArray:
    vectors = np.ones(64) + spread * np.random.default_rng(3).standard_normal((count, 64))
    scaled: FloatArray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("f4")
    return scaled


def test_vectors_that_differ_tell_copies() -> None:
    assert usual(rows(100, 1.0)) == ALIKE


def test_where_all_are_nearly_the_same_only_bytes_tell_copies() -> None:
    assert usual(rows(100, 0.01)) == np.inf


def test_one_or_two_say_nothing_of_their_kind() -> None:
    assert usual(rows(2, 0.0)) == ALIKE
