"""Whatever a filter leaves: as many answers as exist, the right ones, and none that are gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from searchengine.query.calibrate import backgrounds
from searchengine.query.embed import Part
from searchengine.query.parse import build_query
from searchengine.query.search import search
from searchengine.store.change import Change
from searchengine.store.library import Library
from searchengine.types import Collection, FloatArray, Modality, QueryPart, SearchResult
from tests.hash_encoder import HashEncoder
from tests.integration.store.shelf import (
    SMALL,
    add,
    addition,
    make_collection,
    open_library,
)

DIM = 16
#: Items of a modality, and segments of each.
SHELVES = {Modality.IMAGE: (700, 1), Modality.AUDIO: (150, 3), Modality.TEXT: (30, 1)}


@dataclass(frozen=True, slots=True)
class Kept:
    """A segment that is there: what brute force knows of it."""

    id: int
    item: int
    n: int
    modality: Modality
    vector: FloatArray


@dataclass(frozen=True, slots=True)
class Shelf:
    library: Library
    collection: Collection
    kept: tuple[Kept, ...]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Images in an index of lists and codes with a delta beside it, the rest searched exactly;
    some of everything is deleted, and every tenth image is a near-copy of the one before."""
    library = open_library(tmp_path_factory.mktemp("shelf") / "library")
    collection = make_collection(library)
    random = np.random.default_rng(4)
    n = 0
    for modality, (count, segments) in SHELVES.items():
        centre = random.normal(size=DIM)
        vectors = centre + 1.5 * random.normal(size=(count, segments, DIM))
        vectors[9::10] = vectors[8::10] + 0.01
        vectors = (vectors / np.linalg.norm(vectors, axis=2, keepdims=True)).astype(np.float32)
        rows = [json.dumps({"n": n + i}) for i in range(count)]
        new = [addition(f"/{modality}/{i}", vectors[i], modality, rows[i]) for i in range(count)]
        add(library, collection, new[:-20])
        add(library, collection, new[-20:])
        n += count
    with library.writer() as writer:
        gone = [item.id for item in library.catalog.items(collection, None, 0, n)][::7]
        writer.commit(collection, Change(removed=gone))
    yield Shelf(library, collection, kept(library, collection))
    library.close()


def kept(library: Library, collection: Collection) -> tuple[Kept, ...]:
    snapshot = library.snapshot(collection)
    assert snapshot.tables[Modality.IMAGE].index is not None
    assert snapshot.tables[Modality.IMAGE].delta
    there = []
    for modality in snapshot.modalities:
        for ids, vectors in snapshot.tables[modality].alive():
            found = library.catalog.hydrate(ids.tolist())
            for segment, vector in zip(ids.tolist(), vectors, strict=True):
                item = found[segment].item
                there.append(Kept(segment, item.id, item.metadata["n"], modality, vector))
    return tuple(there)


def ask(shelf: Shelf, word: str, **how: object) -> SearchResult:
    query = build_query([QueryPart((word,), Modality.TEXT)], **how)  # type: ignore[arg-type]
    return search(query, HashEncoder(DIM), shelf.library, shelf.collection)


def brute_force(shelf: Shelf, word: str, score: str, group_by: str, there: list[Kept]) -> list[int]:
    """Segments in the order they should come: every one is compared."""
    encoder = HashEncoder(DIM)
    vector = encoder.encode([encoder.preprocess(word, Modality.TEXT)], Modality.TEXT)[0]
    scores = {one.id: float(one.vector @ vector) for one in there}
    if score == "calibrated":
        learnt = backgrounds(shelf.library.snapshot(shelf.collection), {})
        part = Part(vector, Modality.TEXT, 1.0)
        aims = {m: learnt.aim([part], m) for m in SHELVES}
        scores = {
            one.id: float(aims[one.modality].scores(one.vector @ aims[one.modality].direction))
            for one in there
        }
    ordered = sorted(there, key=lambda one: -scores[one.id])
    if group_by == "none":
        return [one.id for one in ordered]
    first: dict[int, int] = {}
    for one in ordered:
        first.setdefault(one.item, one.id)
    return list(first.values())


counts = st.sampled_from([1, 2, 5, 10, 40])
borders = st.one_of(
    st.integers(0, 12), st.integers(0, 900), st.sampled_from([19, 20, 21, 22, 27, 700, 701, 880])
)
filters = st.tuples(borders, borders).map(sorted)
words = st.sampled_from([f"w{n}" for n in range(12)])
targets = st.sampled_from([None, ["image"], ["audio"], ["image", "text"]])
groups = st.sampled_from(["item", "none"])
scores = st.sampled_from(["calibrated", "cosine"])


def left(shelf: Shelf, span: list[int], to: list[str] | None) -> list[Kept]:
    low, high = span
    return [k for k in shelf.kept if low <= k.n < high and (to is None or k.modality in to)]


@limits(max_examples=30)
@given(words, filters, targets, counts, groups, scores)
def test_an_exact_search_gives_what_comparing_everything_gives(
    shelf: Shelf,
    word: str,
    span: list[int],
    to: list[str] | None,
    k: int,
    group_by: str,
    score: str,
) -> None:
    there = left(shelf, span, to)
    how = {"targets": to, "k": k, "group_by": group_by, "score": score, "exact": True}
    found = ask(shelf, word, filter=f"n >= {span[0]} and n < {span[1]}", **how)
    expected = brute_force(shelf, word, score, group_by, there)[:k]
    assert [hit.segment.id for hit in found] == expected
    assert bool(found.reason) is not bool(expected)


@limits(max_examples=30)
@given(words, filters, targets, counts, groups, scores)
def test_by_index_there_are_as_many_as_exist_and_all_fit(
    shelf: Shelf,
    word: str,
    span: list[int],
    to: list[str] | None,
    k: int,
    group_by: str,
    score: str,
) -> None:
    there = left(shelf, span, to)
    how = {"targets": to, "k": k, "group_by": group_by, "score": score}
    found = ask(shelf, word, filter=f"n >= {span[0]} and n < {span[1]}", **how)
    ids = [hit.segment.id for hit in found]
    assert set(ids) <= {one.id for one in there}
    assert len(ids) == len(set(ids))
    assert len(ids) == min(k, len({one.item if group_by == "item" else one.id for one in there}))
    assert [hit.score for hit in found] == sorted((h.score for h in found), reverse=True)


@limits(max_examples=12)
@given(words, st.sampled_from([21, 60, 200]))
def test_those_in_lists_far_from_the_query_are_found_all_the_same(
    shelf: Shelf, word: str, count: int
) -> None:
    images = left(shelf, [0, 9999], ["image"])
    there = {one.id: one for one in images}
    far = [there[one] for one in brute_force(shelf, word, "cosine", "none", images)[-count:]]
    where = f"n in ({', '.join(str(one.n) for one in far)})"
    found = ask(shelf, word, filter=where, k=count)
    assert {hit.segment.id for hit in found} == {one.id for one in far}


@limits(max_examples=12)
@given(words, st.sampled_from([None, "n < 30", "n >= 300"]), groups, st.booleans(), st.booleans())
def test_pages_fit_together(
    shelf: Shelf, word: str, where: str | None, group_by: str, dedup: bool, diverse: bool
) -> None:
    how = {"filter": where, "group_by": group_by, "dedup": dedup, "diverse": diverse, "exact": True}
    whole = [hit.segment.id for hit in ask(shelf, word, k=60, **how)]
    pages = [
        hit.segment.id
        for offset in range(0, 60, 12)
        for hit in ask(shelf, word, k=12, offset=offset, **how)
    ]
    assert pages == whole


@limits(max_examples=12)
@given(words, st.floats(-0.3, 0.9), counts, st.booleans())
def test_a_least_similarity_takes_nothing_from_the_count(
    shelf: Shelf, word: str, least: float, k: int, exact: bool
) -> None:
    found = ask(shelf, word, k=k, min_score=least, exact=exact, group_by="none")
    encoder = HashEncoder(DIM)
    vector = encoder.encode([encoder.preprocess(word, Modality.TEXT)], Modality.TEXT)[0]
    close = [one for one in shelf.kept if one.vector @ vector >= least + 1e-6]
    assert all(hit.similarity >= least for hit in found)
    assert len(found) >= min(k, len(close))


@limits(max_examples=12)
@given(words, st.sampled_from([0.5, 0.9, 0.98, 1.0]), counts)
def test_without_copies_no_two_answers_are_alike_and_none_is_lost(
    shelf: Shelf, word: str, alike: float, k: int
) -> None:
    found = ask(shelf, word, k=k, dedup=alike, exact=True, targets=["image"])
    vectors = {one.id: one.vector for one in shelf.kept}
    shown: list[int] = []
    for segment in brute_force(
        shelf, word, "calibrated", "item", left(shelf, [0, 9999], ["image"])
    ):
        if all(vectors[segment] @ vectors[other] < alike for other in shown):
            shown.append(segment)
    assert [hit.segment.id for hit in found] == shown[:k]


def test_the_border_of_an_exact_scan_is_crossed() -> None:
    assert 12 < SMALL.exact_allowed < 700
