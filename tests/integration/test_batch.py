"""Many queries at once are answered as each would be alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from searchengine.cli.app import app
from searchengine.engine import Engine
from searchengine.errors import EmptyQuery, QueryError, SearchEngineError
from searchengine.store.catalog import Catalog
from searchengine.store.vectors.exact import MANY
from searchengine.types import SearchResult
from tests.hash_encoder import HashEncoder
from tests.integration.store.shelf import additions, unit

WORDS = ["a red kite", "the sea at night", "two owls", "snow on a roof", "kite", "owls at sea"]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for number, words in enumerate(WORDS):
        (folder / f"{number}.txt").write_text(words)
        pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def answers(engine: Engine, queries: list[Any], **how: Any) -> list[Any]:
    return [
        type(answer) if isinstance(answer, SearchEngineError) else shown(answer)
        for answer in engine.batch(queries, **how)
    ]


class Close(float):
    """Equal to what differs by rounding: products of a block are added up in another order."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(self - other) < 1e-3

    __hash__ = float.__hash__


def shown(result: SearchResult) -> list[tuple[int, Close]]:
    return [(hit.segment.id, Close(hit.score)) for hit in result]


def test_a_batch_answers_as_one_query_at_a_time_does(tmp_path: Path, media: Path) -> None:
    with Engine(tmp_path, encoder=HashEncoder()) as engine:
        engine.index([media], workers=0)
        picture = str(media / "2.png")
        queries: list[dict[str, Any]] = [
            *({"text": words, "k": k} for words in WORDS for k in (1, 4)),
            {"image": picture, "targets": ["image"]},
            {"text": "kite", "image": picture, "weights": {"image": 0.5}, "explain": True},
            {"text": "owls", "negative": {"text": "sea"}, "score": "cosine"},
            {"text": "owls", "path": "*.txt", "group_by": "none", "offset": 1},
            {"like": 3},
            {"like": [1, 2], "mode": "all"},
            {"text": "owls", "hybrid": True},
        ]
        alone = [shown(engine.search(**query)) for query in queries]
        assert answers(engine, queries) == alone
        assert answers(engine, queries, block=3) == alone


def test_everything_of_one_kind_is_encoded_in_one_call(tmp_path: Path, media: Path) -> None:
    encoder = HashEncoder()
    with Engine(tmp_path, encoder=encoder) as engine:
        engine.index([media], workers=0)
        calls: list[int] = []
        encode = encoder.encode
        encoder.encode = lambda batch, m: (calls.append(len(batch)), encode(batch, m))[1]  # type: ignore[method-assign]
        answers(engine, [{"text": words} for words in WORDS])
        assert calls == [len(WORDS)]


def test_a_query_that_cannot_be_answered_stops_nothing(tmp_path: Path, media: Path) -> None:
    with Engine(tmp_path, encoder=HashEncoder()) as engine:
        engine.index([media], workers=0)
        bad = [
            {},
            {"text": ""},
            {"image": "no such file.png"},
            {"text": "x", "k": 0},
            {"text": "x", "k": "many"},
            {"text": "x", "colour": "red"},
            {"text": "x", "filter": "year >="},
            {"text": "x", "weights": {"image": 1}},
            {"like": 10_000},
            ["x"],
            None,
        ]
        found = answers(engine, [one for each in bad for one in (each, {"text": "kite"})])
        assert all(issubclass(one, SearchEngineError) for one in found[::2])
        assert found[1::2] == [shown(engine.search(text="kite"))] * len(bad)


@pytest.mark.parametrize("block", [0, -1, 2.5])
def test_a_block_of_no_queries_is_refused(tmp_path: Path, media: Path, block: Any) -> None:
    with Engine(tmp_path, encoder=HashEncoder()) as engine:
        engine.index([media], workers=0)
        with pytest.raises(QueryError, match="block must be"):
            list(engine.batch([{"text": "kite"}], block=block))
        assert list(engine.answer_all([])) == []


def test_a_filter_of_many_queries_is_looked_up_once(
    tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    look_up = Catalog.allowed
    monkeypatch.setattr(
        Catalog, "allowed", lambda *given: (asked.append(given[2]), look_up(*given))[1]
    )
    with Engine(tmp_path, encoder=HashEncoder()) as engine:
        engine.index([media], workers=0)
        queries: list[dict[str, Any]] = [
            {"text": words, "filter": "modality = text"} for words in WORDS
        ]
        found = answers(engine, [*queries, {"text": "kite", "filter": "modality = image"}])
        assert len(asked) == 2
        assert found[:-1] == [shown(engine.search(**query)) for query in queries]


def test_of_queries_that_are_posed_together_only_the_one_that_cancels_out_fails(
    tmp_path: Path, media: Path
) -> None:
    with Engine(tmp_path, encoder=HashEncoder()) as engine:
        engine.index([media], workers=0)
        queries: list[dict[str, Any]] = [
            {"text": words, "negative": {"text": "kite"}} for words in ("owls", "kite")
        ]
        found = answers(engine, queries * 2)
        assert found[1::2] == [EmptyQuery, EmptyQuery]
        assert found[::2] == [shown(engine.search(**queries[0]))] * 2


def test_vectors_without_an_index_answer_a_block_as_they_answer_one(tmp_path: Path) -> None:
    from searchengine.store.change import Change
    from searchengine.store.library import Library
    from searchengine.types import Modality
    from tests.integration.store.shelf import SMALL

    vectors, encoder = unit(90, dim=16), HashEncoder(16)
    with Library(tmp_path, create=True, recipe=replace(SMALL, exact_below=900)) as library:
        with library.writer() as writer:
            collection = writer.create("default", encoder.name, encoder.identity, "{}", 16)
            for start in range(0, 90, 30):
                some = additions(vectors[start : start + 30], str(start))
                writer.commit(collection, Change(additions=some))
            writer.commit(collection, Change(removed=[4, 5, 6]))
        table = library.snapshot(collection).tables[Modality.IMAGE]
        queries, allowed = unit(40, seed=9), table.shards.ids()[::3]
        assert table.index is None and len(queries) >= MANY
        for how in ({}, {"exact": True}, {"allowed": allowed}, {"allowed": allowed[:3]}):
            given: dict[str, Any] = {"modality": Modality.IMAGE, "asked": [Modality.IMAGE], **how}
            alone = [table.search(query[None], 10, **given)[0] for query in queries]
            for one, other in zip(table.search(queries, 10, **given), alone, strict=True):
                assert one.ids.tolist() == other.ids.tolist()
                np.testing.assert_allclose(one.similarities, other.similarities, atol=1e-6)


def test_an_index_of_lists_answers_a_block_as_it_answers_one(tmp_path: Path) -> None:
    from searchengine.store.change import Change
    from searchengine.store.library import Library
    from searchengine.types import Modality
    from tests.integration.store.shelf import SMALL

    vectors, encoder = unit(900, dim=16), HashEncoder(16)
    with Library(tmp_path, create=True, recipe=SMALL) as library:
        with library.writer() as writer:
            collection = writer.create("default", encoder.name, encoder.identity, "{}", 16)
            writer.commit(collection, Change(additions=additions(vectors)))
            writer.commit(collection, Change(additions=additions(unit(30, 5), "b")))
            writer.commit(collection, Change(removed=[4, 5, 6]))
        table = library.snapshot(collection).tables[Modality.IMAGE]
        assert table.index is not None and table.delta == 30 and table.dead == 3
        how: dict[str, Any] = {"modality": Modality.IMAGE, "asked": [Modality.IMAGE]}
        queries = unit(40, seed=9)
        alone = [table.search(query[None], 10, **how)[0].ids.tolist() for query in queries]
        assert [found.ids.tolist() for found in table.search(queries, 10, **how)] == alone


def test_the_command_writes_a_line_for_every_line(tmp_path: Path, media: Path) -> None:
    run = CliRunner().invoke
    library = ["--library", str(tmp_path / "library")]
    assert run(app, [*library, "index", str(media)]).exit_code == 0
    lines = [
        {"id": "first", "text": "a red kite", "targets": ["text"], "k": 1},
        {"text": "x", "k": "many"},
        {"image": 5},
    ]
    asked = tmp_path / "queries.jsonl"
    asked.write_text("\n".join([*map(json.dumps, lines), "{broken", '{"text": "two owls"}']))
    hits = tmp_path / "hits.jsonl"
    result = run(app, [*library, "batch", str(asked), "-o", str(hits)])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in hits.read_text().splitlines()]
    assert [row["line"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0]["id"] == "first" and rows[0]["hits"][0]["path"].endswith("0.txt")
    assert ["error" in row for row in rows] == [False, True, True, True, False]
    assert "line 4: not a query" in result.stderr
