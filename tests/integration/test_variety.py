"""Copies shown once, pages of many kinds, and queries that nobody can mean."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from searchengine import Engine
from searchengine.errors import EmptyQuery, QueryError
from tests.hash_encoder import HashEncoder

TEXTS = {
    "red": "a red apple on a table",
    "red_again": "a red apple on the table",
    "green": "a green pear in a bowl",
    "sea": "waves of the sea at night",
}


def filled(folder: Path) -> Engine:
    media = folder / "media"
    media.mkdir()
    for name, words in TEXTS.items():
        (media / f"{name}.txt").write_text(words)
    shutil.copy(media / "sea.txt", media / "sea_copy.txt")
    (media / "metadata.jsonl").write_text('{"file_name": "red.txt", "year": 2020}\n')
    engine = Engine(folder / "library", encoder=HashEncoder(256))
    engine.index([media], workers=0)
    return engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with filled(tmp_path_factory.mktemp("variety")) as engine:
        yield engine


def names(result: object) -> list[str]:
    return [Path(hit.item.path).stem for hit in result]  # type: ignore[attr-defined]


def test_a_copy_is_shown_once(engine: Engine) -> None:
    assert names(engine.search(text=TEXTS["sea"], k=2)) == ["sea", "sea_copy"]
    found = names(engine.search(text=TEXTS["sea"], k=10, dedup=True))
    assert found[0] == "sea"
    assert "sea_copy" not in found
    assert len(found) == 4


def test_how_alike_copies_are_is_for_the_asker_to_say(engine: Engine) -> None:
    found = names(engine.search(text=TEXTS["red"], dedup=0.6))
    assert found[0] == "red"
    assert "red_again" not in found


def test_variety_brings_another_kind_forward_and_loses_nothing(engine: Engine) -> None:
    plain = names(engine.search(text=TEXTS["red"]))
    varied = names(engine.search(text=TEXTS["red"], diverse=0.6))
    assert plain[:2] == ["red", "red_again"]
    assert varied[0] == "red"
    assert varied[1] != "red_again"
    assert sorted(varied) == sorted(plain)


def test_what_is_to_be_unlike_an_item_is_far_from_it(engine: Engine) -> None:
    [sea] = [item.id for item in engine.items() if item.path.endswith("/sea.txt")]
    found = names(engine.search(text="a red apple at sea", not_like=sea))
    assert found[0].startswith("red")
    assert found[-1] == "sea_copy"
    assert "sea" not in found


def test_every_hit_says_how_it_was_reached(engine: Engine) -> None:
    [hit] = engine.search(text=TEXTS["red"], k=1, explain=True, score="cosine")
    assert hit.explain is not None
    assert hit.explain.method == "exact"
    assert hit.explain.parts[0].similarity == pytest.approx(hit.similarity, abs=1e-5)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"text": "x", "weights": {"text": math.nan}}, "not a finite number"),
        ({"text": "x", "weights": {"text": math.inf}}, "not a finite number"),
        ({"text": "x", "weights": {"text": "much"}}, "'much', which is not a finite"),
        ({"text": "x", "weights": {"text": 0}}, "weight 0"),
        ({"negative": {"text": "x"}}, "what to look for"),
        ({"not_like": 1}, "what to look for"),
        ({"text": "x", "targets": ["smell"]}, "smell"),
        ({"text": "x", "min_score": math.nan}, "min_score"),
        ({"text": "x", "dedup": 1.5}, "dedup must be from -1 to 1"),
        ({"text": "x", "diverse": -0.1}, "diverse must be from 0 to 1"),
        ({"text": "x", "k": 0}, "k must be from 1"),
    ],
)
def test_what_nobody_can_mean_is_refused_with_a_reason(
    engine: Engine, query: dict[str, object], said: str
) -> None:
    with pytest.raises(QueryError, match=said):
        engine.search(**query)


def test_only_negatives_are_an_empty_query(engine: Engine) -> None:
    with pytest.raises(EmptyQuery):
        engine.search(negative={"text": ["x", "y"]})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"filter": "yeer = 2020"}, "no item has a field 'yeer'; there are: .*year.*, id, path"),
        ({"filter": "year = 2020 and year = 2021"}, "no item fits the filter"),
        ({"targets": ["thermal"]}, "no thermal in the collection; there is: text"),
        ({"min_score": 1.01}, "no similarity reaches 1.01"),
        ({"offset": 100}, "only 5 hits, and the first 100"),
    ],
)
def test_an_empty_answer_says_why(engine: Engine, how: dict[str, object], said: str) -> None:
    found = engine.search(text="apple", **how)
    assert not found.hits
    assert found.reason is not None
    assert re.search(said, found.reason), found.reason


def test_more_than_there_is_gives_all_there_is(engine: Engine) -> None:
    found = engine.search(text="apple", k=10_000)
    assert len(found) == 5
    assert found.reason is None


def test_the_table_of_backgrounds_has_every_pair(engine: Engine) -> None:
    [pair] = engine.calibration()
    assert (pair.asked, pair.target, pair.strangers) == ("text", "text", 5)
    assert pair.percentiles == tuple(sorted(pair.percentiles))


def test_with_everything_deleted_there_is_no_table_and_no_answer(tmp_path: Path) -> None:
    with filled(tmp_path) as engine:
        engine.delete(path="*")
        assert engine.calibration() == ()
        assert engine.search(text="apple").reason == "no item in the collection; there is: nothing"
