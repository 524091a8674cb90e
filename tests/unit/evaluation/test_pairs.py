"""Pairs of sides against what a few loops over everything give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.evaluation import pairs
from searchengine.evaluation.measures import by_chance, measured
from searchengine.evaluation.pairs import LABELS, Kind, Side, compare, side

Topics = list[set[str]]

some_topics = st.lists(st.sets(st.sampled_from("abcd"), min_size=1), min_size=1, max_size=12)


def made(
    name: str, topics: Topics, seed: int, segments: int = 1, contents: list[str] | None = None
) -> Side:
    """Things of up to so many random segments."""
    rng = np.random.default_rng(seed)
    vectors = []
    for _ in topics:
        some = rng.normal(size=(rng.integers(1, segments + 1), 8)).astype(np.float32)
        vectors.append(some / np.linalg.norm(some, axis=1, keepdims=True))
    names = contents or [str(number) for number in range(len(topics))]
    return side(name, list(map(frozenset, topics)), names, vectors)


def segments_of(one: Side) -> list[np.ndarray]:
    return np.split(one.vectors, one.starts[1:])


def naive(
    query: Side, target: Side, within: bool
) -> list[tuple[int, np.ndarray, tuple[float, ...]]]:
    """The number of each query that has an answer, what it measures, and chance."""
    rows = []
    for number, own in enumerate(segments_of(query)):
        mean = own.mean(axis=0) / np.linalg.norm(own.mean(axis=0))
        similar, relevant = [], []
        for other, theirs in enumerate(segments_of(target)):
            if within and query.contents[number] == target.contents[other]:
                continue
            similar.append(max(float(mean @ one) for one in theirs))
            relevant.append(bool(query.topics[number] & target.topics[other]))
        if any(relevant):
            chance = by_chance(len(relevant), sum(relevant))
            rows.append((number, measured(np.array(similar), np.array(relevant)), chance))
    return rows


@given(some_topics, some_topics, st.integers(0, 9), st.sampled_from([1, 4]))
def test_an_item_is_found_by_its_best_segment_and_asks_with_their_mean(
    asking: Topics, asked: Topics, seed: int, segments: int
) -> None:
    query, target = made("audio", asking, seed, segments), made("image", asked, seed + 99, segments)
    pair, rows = compare(query, target, Kind.ACROSS), naive(query, target, False)
    assert (pair.query, pair.target, pair.gallery) == ("audio", "image", len(asked))
    assert pair.left_out == len(asking) - len(rows)
    if pair.score is None:
        assert not rows and not pair.by_label
        return
    got, chance = pair.score.measured, pair.score.chance
    assert pair.score.queries == len(rows)
    means = np.mean([row for _, row, _ in rows], axis=0)
    assert (got.recall_at_1, got.recall_at_5, got.map) == pytest.approx(tuple(means), abs=1e-6)
    means = np.mean([row for _, _, row in rows], axis=0)
    assert (chance.recall_at_1, chance.recall_at_5, chance.map) == pytest.approx(tuple(means))
    assert got.accuracy is None and chance.accuracy is None
    for label, score in pair.by_label.items():
        its = [row for number, row, _ in rows if label in query.topics[number]]
        assert score.queries == len(its)
        assert score.measured.map == pytest.approx(np.mean(its, axis=0)[2], abs=1e-6)


@given(some_topics, st.integers(0, 9))
def test_within_a_modality_nothing_finds_itself_or_its_copies(topics: Topics, seed: int) -> None:
    contents = [str(number // 2) for number in range(len(topics))]
    one = made("audio", topics, seed, contents=contents)
    pair, rows = compare(one, one, Kind.WITHIN), naive(one, one, True)
    assert (pair.gallery, pair.left_out) == (len(topics), len(topics) - len(rows))
    if pair.score is not None:
        want = np.mean([row for _, row, _ in rows], axis=0)
        assert pair.score.measured.map == pytest.approx(want[2], abs=1e-6)


def test_copies_alone_answer_nothing() -> None:
    one = made("audio", [{"a"}, {"a"}], 0, contents=["same", "same"])
    assert compare(one, one, Kind.WITHIN).score is None


def test_accuracy_is_the_first_of_the_labels_being_right() -> None:
    a, b, near_a = np.array([[[1, 0]], [[0, 1]], [[0.8, 0.6]]], np.float32)
    labels = side(LABELS, [frozenset("a"), frozenset("b")], ["a", "b"], [a, b])
    items = side("image", list(map(frozenset, ("a", "b", "ab"))), ["1", "2", "3"], [near_a] * 3)
    pair = compare(items, labels, Kind.LABELS)
    assert pair.score is not None
    assert pair.score.measured.accuracy == pytest.approx(2 / 3) == pair.score.measured.recall_at_1
    assert pair.score.chance.accuracy == pytest.approx((0.5 + 0.5 + 1) / 3)
    back = compare(labels, items, Kind.LABELS)
    assert back.score is not None and back.score.measured.accuracy is None


def test_segments_that_cancel_out_ask_for_nothing_in_particular() -> None:
    up = np.array([[1, 0]], np.float32)
    query = side("audio", [frozenset("a")], ["0"], [np.concatenate([up, -up])])
    target = side("image", [frozenset("a"), frozenset("b")], ["1", "2"], [up, -up])
    pair = compare(query, target, Kind.ACROSS)
    assert pair.score is not None and pair.score.measured == pair.score.chance


def test_more_queries_than_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    topics: Topics = [{"abcd"[number % 4]} for number in range(10)]
    query, target = made("audio", topics, 1, 3), made("image", topics, 2, 3)
    whole = compare(query, target, Kind.ACROSS)
    monkeypatch.setattr(pairs, "_AT_ONCE", 3)
    pieces = compare(query, target, Kind.ACROSS)
    assert whole.score is not None and pieces.score is not None
    assert pieces.score.measured.map == pytest.approx(whole.score.measured.map)
    assert pieces.by_label.keys() == whole.by_label.keys()
