"""Words as words: what is written is found, and stays found as the library changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.engine import Engine
from searchengine.errors import QueryError
from searchengine.media.metadata import NAME
from tests.hash_encoder import HashEncoder

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "harbour.txt").write_text("The ferry Zuiderdam left the harbour at dawn.")
    (folder / "kitchen.txt").write_text("Peel the onions and fry them slowly.")
    (folder / "report_4711.txt").write_text("Nothing to see here.")
    rows = [{"file_name": "kitchen.txt", "caption": "Grandmother's soup", "tags": ["Übung"]}]
    (folder / NAME).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def engine(tmp_path: Path, media: Path) -> Iterator[Engine]:
    with Engine(tmp_path / "library", encoder=HashEncoder()) as engine:
        engine.index([media], workers=0)
        yield engine


def best(engine: Engine, words: str) -> str:
    return Path(engine.search(text=words, hybrid=True, k=1).hits[0].item.path).name


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("zuiderdam", "harbour.txt"),
        ("ferries", "harbour.txt"),
        ("soup", "kitchen.txt"),
        ("ubung", "kitchen.txt"),
        ("4711", "report_4711.txt"),
        ("onion; DROP TABLE items --", "kitchen.txt"),
    ],
)
def test_a_word_in_a_text_a_caption_a_tag_or_a_name_is_found(
    engine: Engine, words: str, name: str
) -> None:
    assert best(engine, words) == name


def test_new_words_are_found_and_old_ones_are_not(engine: Engine, media: Path) -> None:
    (media / "harbour.txt").write_text("The tram Albatros stopped at the museum.")
    rows = [{"file_name": "kitchen.txt", "caption": "Borscht"}]
    (media / NAME).write_text("".join(json.dumps(row) + "\n" for row in rows))
    engine.index([media], workers=0)
    assert best(engine, "albatros") == "harbour.txt"
    assert best(engine, "borscht") == "kitchen.txt"
    for gone in ("zuiderdam", "soup"):
        assert engine._library().catalog.find_words(engine.collection(), gone, 10) == []


def test_what_was_deleted_is_not_found_by_its_words(engine: Engine) -> None:
    engine.delete(path="harbour.txt")
    paths = {Path(h.item.path).name for h in engine.search(text="zuiderdam", hybrid=True)}
    assert "harbour.txt" not in paths
    assert engine._library().catalog.find_words(engine.collection(), "zuiderdam", 10) == []


def test_a_copy_of_a_text_is_found_by_its_words_too(engine: Engine, media: Path) -> None:
    (media / "again.txt").write_bytes((media / "harbour.txt").read_bytes())
    engine.index([media], workers=0)
    found = engine.search(text="zuiderdam", hybrid=True, k=2)
    assert {Path(hit.item.path).name for hit in found} == {"harbour.txt", "again.txt"}


def test_a_filter_holds_for_words(engine: Engine) -> None:
    found = engine.search(text="zuiderdam", hybrid=True, filter='caption ~ "soup"')
    assert {Path(hit.item.path).name for hit in found} == {"kitchen.txt"}


def test_an_item_comes_once_and_scores_fall(engine: Engine) -> None:
    hits = engine.search(text="ferry onions nothing", hybrid=True).hits
    assert len({hit.item.id for hit in hits}) == len(hits) == 3
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_without_words_there_is_nothing_to_look_for(engine: Engine) -> None:
    with pytest.raises(QueryError, match="needs words"):
        engine.search(like=1, hybrid=True)


@settings(max_examples=40, deadline=None)
@given(words=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60))
def test_any_words_are_a_question_or_empty(
    tmp_path_factory: pytest.TempPathFactory, words: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.txt").write_text("one")
    with Engine(folder / "library", encoder=HashEncoder()) as engine:
        engine.index([folder / "a.txt"], workers=0)
        if words.strip():
            assert len(engine.search(text=words, hybrid=True)) == 1
