"""Whatever is asked, an Engine and both clients answer it alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine import Engine
from searchengine.media.metadata import NAME
from searchengine.types import Hit, Modality, SearchResult

#: A word in braces is a file of the corpus.
FILES: dict[str, Any] = {
    "image": "{photos/german_shepherd.jpg}",
    "video": "{videos/surf.mp4}",
    "audio": "{sounds/bark.ogg}",
    "depth": "{depth/chair.png}",
    "thermal": "{thermal/crowd.png}",
    "imu": "{motion/run.csv}",
}

QUESTIONS: dict[str, dict[str, Any]] = {
    "words": {"text": "a dog"},
    **{f"a file of {name}": {name: given} for name, given in FILES.items()},
    "a text file": {"text": Path("{texts/dogs.md}")},
    "seconds of a sound": {"audio": "{sounds/thunder.ogg}@1-2.5"},
    "seconds of a film": {"video": "{videos/surf.mp4}@0-1"},
    "several parts with weights": {
        "text": ["the sea", "waves"],
        "image": "{photos/beach.jpg}",
        "audio": ["{sounds/surf.ogg}", "{sounds/bark.ogg}"],
        "weights": {"audio": 0.4, "image": 2},
    },
    "negatives": {
        "image": "{photos/ginger_kitten.webp}",
        "negative": {"text": "a cat", "audio": ["{sounds/meow.wav}"]},
    },
    "an item": {"like": 3},
    "items and words": {"like": [3, 5], "text": "night"},
    "some modalities": {"text": "an animal", "targets": ["audio", "thermal"]},
    "a filter": {"text": "a dog", "filter": "modality = image or label = dog"},
    "a path": {"text": "a dog", "path": "*/sounds/*"},
    "the second page": {"text": "a dog", "k": 3, "offset": 3},
    "by cosine": {"text": "a dog", "score": "cosine"},
    "by rank": {"audio": "{sounds/bark.ogg}", "score": "rank"},
    "all parts": {"text": "a dog", "audio": "{sounds/thunder.ogg}", "mode": "all"},
    "explained": {"text": "sea", "image": "{photos/beach.jpg}", "explain": True, "k": 4},
    "hybrid": {"text": "thunder", "hybrid": True},
    "without copies": {"text": "thunder", "dedup": True},
    "with variety": {"text": "thunder", "diverse": 0.5},
    "unlike an item": {"text": "night", "not_like": [3]},
    "every segment": {"text": "thunder", "group_by": "none", "k": 30},
    "exactly": {"text": "thunder", "exact": True},
    "only what is near": {"text": "a dog", "min_score": 0.35},
    "nothing that is near": {"text": "a dog", "min_score": 2.0},
    "nothing that fits": {"text": "a dog", "filter": "year = 1066"},
}


def filled(given: Any, media: Path) -> Any:
    """With the files' paths."""
    match given:
        case Path():
            return Path(filled(str(given), media))
        case str():
            return given.replace("{", f"{media}/").replace("}", "")
        case list():
            return [filled(one, media) for one in given]
        case dict():
            return {name: filled(one, media) for name, one in given.items()}
        case _:
            return given


def numbers(hit: Hit) -> list[float]:
    said = [hit.score, hit.similarity, -1.0 if hit.percentile is None else hit.percentile]
    if hit.explain:
        said += [hit.explain.closeness, hit.explain.mean, hit.explain.deviation]
        said += [x for part in hit.explain.parts for x in (part.similarity, part.score)]
    return said


def check_same(found: SearchResult, wanted: SearchResult) -> None:
    """Nouns are equal; numbers to 1e-5, since texts are encoded in other company."""
    assert type(found) is SearchResult
    assert [(h.rank, h.item, h.segment) for h in found] == [
        (h.rank, h.item, h.segment) for h in wanted
    ]
    for mine, theirs in zip(found, wanted, strict=True):
        assert numbers(mine) == pytest.approx(numbers(theirs), abs=1e-5)
        assert (mine.explain is None) == (theirs.explain is None)
        if mine.explain and theirs.explain:
            assert mine.explain.method == theirs.explain.method
            parts = [
                [(p.modality, p.weight) for p in e.parts] for e in (mine.explain, theirs.explain)
            ]
            assert parts[0] == parts[1]
    assert found.generation == wanted.generation
    assert (found.complete, found.relevant) == (wanted.complete, wanted.relevant)
    assert found.seconds.keys() == wanted.seconds.keys()


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_has_one_answer(door: Any, engine: Engine, media: Path, name: str) -> None:
    given = filled(QUESTIONS[name], media)
    found = door.search(**given)
    check_same(found, engine.search(**given))
    assert bool(found.hits) != name.startswith("nothing")


#: Queries of a batch that cannot be answered.
UNASKABLE: dict[str, Any] = {
    "nothing": {},
    "no modality": {"smell": "roses"},
    "a filter that is broken": {"text": "a dog", "filter": "year >"},
    "an item that is not there": {"like": 999},
    "a file that is not there": {"image": "{nowhere.png}"},
    "a file of another kind": {"image": "{texts/dogs.md}"},
    "a page that is none": {"text": "a dog", "k": 0},
    "a weight for nothing": {"text": "a dog", "weights": {"audio": 2}},
    "weights of no modality": {"text": "a dog", "weights": 3},
    "no number": {"text": "a dog", "k": "many"},
    "no value that JSON has": {"text": "a dog", "k": 1 + 2j},
    "a string": "a dog",
    "a number": 7,
}


def test_a_batch_is_answered_in_order_and_what_cannot_be_stops_nothing(
    door: Any, engine: Engine, media: Path
) -> None:
    given = [filled(one, media) for one in (QUESTIONS | UNASKABLE).values()]
    found, wanted = list(door.batch(given)), list(engine.batch(given))
    assert len(found) == len(given)
    for name, mine, theirs in zip(QUESTIONS | UNASKABLE, found, wanted, strict=True):
        if isinstance(theirs, SearchResult):
            assert [(h.item, h.segment) for h in mine] == [(h.item, h.segment) for h in theirs]
            scores = [[hit.score for hit in one] for one in (mine, theirs)]
            assert scores[0] == pytest.approx(scores[1], abs=1e-5), name
        else:
            assert name in UNASKABLE and isinstance(mine, type(theirs)), (name, mine, theirs)
    assert sum(isinstance(one, SearchResult) for one in found) == len(QUESTIONS)


def test_a_long_batch_is_asked_in_blocks_as_it_is_read(door: Any, engine: Engine) -> None:
    given = [{"text": f"a dog number {number % 9}", "k": 1} for number in range(230)]
    found = [answer.hits[0].item for answer in door.batch(iter(given))]
    wanted = [engine.search(**one).hits[0].item for one in given[:9]]
    assert found == [wanted[number % 9] for number in range(230)]
    assert list(door.batch([])) == []
    assert len(list(door.batch(given[:5], block=2))) == 5


def test_similar_items_are_the_same_ones(door: Any, engine: Engine) -> None:
    check_same(door.similar(3), engine.similar(3))
    how: dict[str, Any] = {"k": 4, "targets": ["audio"], "score": "cosine", "explain": True}
    check_same(door.similar(3, **how), engine.similar(3, **how))


@pytest.mark.parametrize(
    "part", [{"text": "a dog"}, *({name: given} for name, given in FILES.items())], ids=str
)
def test_a_vector_is_the_same_to_its_last_digits(
    door: Any, engine: Engine, media: Path, part: dict[str, Any]
) -> None:
    found = door.embed(**filled(part, media))
    wanted = engine.embed(**filled(part, media))
    assert found.dtype == np.float32 and found.shape == wanted.shape
    assert np.allclose(found, wanted, rtol=0, atol=1e-6)


def test_a_sensor_s_file_is_read_as_its_metadata_row_says(
    door: Any, engine: Engine, media: Path, tmp_path: Path
) -> None:
    frame = tmp_path / "far.depth.png"
    frame.write_bytes((media / "depth" / "bed.png").read_bytes())
    plain = engine.embed(depth=frame)
    row = {"file_name": frame.name, "depth_scale_m": 0.0002, "caption": "not sent"}
    (tmp_path / NAME).write_text(json.dumps(row))
    found = door.embed(depth=frame)
    assert np.allclose(found, engine.embed(depth=frame), rtol=0, atol=1e-6)
    assert not np.allclose(found, plain, atol=1e-3)


def test_a_file_whose_name_is_not_utf_8_can_be_asked_with(
    door: Any, engine: Engine, media: Path, tmp_path: Path
) -> None:
    photo = tmp_path / b'na\xefve "photo".jpg'.decode("utf-8", "surrogateescape")
    photo.write_bytes((media / "photos" / "beach.jpg").read_bytes())
    assert np.allclose(door.embed(image=photo), engine.embed(image=photo), atol=1e-6)


def test_items_are_listed_alike_however_many(door: Any, engine: Engine) -> None:
    assert door.items() == engine.items()
    assert door.items(limit=5, after=3) == engine.items(limit=5, after=3)
    assert door.items(limit=5_000) == engine.items(limit=5_000)
    how = {"filter": "modality = audio", "path": "*.ogg", "limit": 2}
    assert door.items(**how) == engine.items(**how) != []
    assert door.items(filter="year = 1066") == []


def test_an_item_is_shown_with_its_segments(door: Any, engine: Engine) -> None:
    for item in engine.items():
        assert door.show(item.id) == engine.show(item.id)


def test_the_library_is_described_alike(door: Any, engine: Engine) -> None:
    assert door.facets() == engine.facets()
    assert door.facets(filter="modality = image") == engine.facets(filter="modality = image")
    assert door.status() == engine.status()
    assert door.collections() == engine.collections()
    assert door.collection() == engine.collection()
    assert door.roots() == engine.roots()
    assert door.calibration() == engine.calibration() != ()
    assert set(door.facets().modalities) == set(Modality)
