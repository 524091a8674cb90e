"""Measures of rankings with ties: against every order there is, and against simulation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.evaluation.measures import TIE, by_chance, measured


def naive_recall(order: Sequence[bool], k: int) -> float:
    return float(any(order[:k]))


def naive_precision(order: Sequence[bool]) -> float:
    """The mean, over the relevant, of the share of relevant things up to there."""
    places = [place for place, relevant in enumerate(order) if relevant]
    return sum((n + 1) / (place + 1) for n, place in enumerate(places)) / len(places)


def naive(similarities: Sequence[float], relevant: Sequence[bool]) -> list[float]:
    """The means over every permutation that is in order of similarity."""
    orders = [
        [relevant[i] for i in order]
        for order in permutations(range(len(relevant)))
        if all(similarities[a] >= similarities[b] for a, b in pairwise(order))
    ]
    rows = [[naive_recall(o, 1), naive_recall(o, 5), naive_precision(o)] for o in orders]
    return [sum(column) / len(orders) for column in zip(*rows, strict=True)]


#: Few different values: most rankings have ties.
rankings = st.lists(
    st.tuples(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), st.booleans()), min_size=1, max_size=7
).filter(lambda things: any(relevant for _, relevant in things))


@given(rankings)
def test_a_measure_is_its_mean_over_every_order_of_the_tied(
    things: list[tuple[float, bool]],
) -> None:
    similarities, relevant = map(list, zip(*things, strict=True))
    found = measured(np.array(similarities), np.array(relevant))
    assert found == pytest.approx(naive(similarities, relevant))


@given(st.lists(st.booleans(), min_size=1, max_size=200).filter(any))
def test_without_ties_a_measure_is_what_the_books_say(relevant: list[bool]) -> None:
    falling = np.linspace(1, -1, len(relevant))
    shuffled = np.random.default_rng(0).permutation(len(relevant))
    found = measured(falling[shuffled], np.array(relevant)[shuffled])
    want = [naive_recall(relevant, 1), naive_recall(relevant, 5), naive_precision(relevant)]
    assert found == pytest.approx(want)


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))
def test_chance_is_the_closed_forms(sizes: tuple[int, int]) -> None:
    """Recall is hypergeometric; for average precision the closed form is Bestgen's (2015)."""
    n, r = sizes
    harmonic = sum(1 / place for place in range(1, n + 1))
    precision = (harmonic + (r - 1) * (n - harmonic) / max(n - 1, 1)) / n
    at_5 = 1 - np.prod([max(n - r - i, 0) / (n - i) for i in range(min(5, n))])
    assert by_chance(n, r) == pytest.approx((r / n, at_5, precision))


def test_chance_is_what_random_rankings_measure() -> None:
    rng, relevant = np.random.default_rng(0), np.arange(30) < 4
    runs = [measured(rng.random(30), relevant) for _ in range(4000)]
    mean, error = np.mean(runs, axis=0), np.std(runs, axis=0) / np.sqrt(len(runs))
    assert (np.abs(mean - by_chance(30, 4)) < 4 * error).all()


def test_noise_of_the_last_digit_orders_nothing() -> None:
    """Such as the noise by which one vector differs from itself, computed in another batch."""
    relevant = np.array([True, False, False, False])
    noise = np.array([3, 2, 1, 0]) * TIE / 10
    assert measured(0.7 + noise, relevant) == pytest.approx(by_chance(4, 1))
    assert measured(0.7 + 100 * noise, relevant) == pytest.approx([1, 1, 1])
