"""One library that is asked, and one for each door that is changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from searchengine import Engine
from searchengine.demo import corpus
from searchengine.media.metadata import NAME
from tests.congruence.doors import DOORS, opened, served

#: Of the demo corpus, some of every kind.
NAMES = (
    *("photos/german_shepherd.jpg", "photos/beach.jpg", "photos/ginger_kitten.webp"),
    *("sounds/bark.ogg", "sounds/surf.ogg", "sounds/meow.wav", "sounds/thunder.ogg"),
    *("texts/dogs.md", "texts/thunderstorm.md", "texts/drumming.srt", "texts/purring_cats.txt"),
    *("videos/surf.mp4", "videos/horse_before_mountains.mp4"),
    *("depth/chair.png", "depth/bed.png", "thermal/crowd.png", "thermal/car_park.png"),
    *("motion/run.csv", "motion/jumps.csv"),
)


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("congruence") / "media"
    rows = [json.loads(line) for line in (corpus() / NAME).read_text().splitlines()]
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(corpus() / name, folder / name)
    chosen = [json.dumps(row) + "\n" for row in rows if row["file_name"] in NAMES]
    (folder / NAME).write_text("".join(chosen))
    return folder


@pytest.fixture(scope="session")
def library(media: Path) -> Path:
    with Engine(media.parent / "library", encoder="starter") as engine:
        report = engine.index([media])
    assert report.new == len(NAMES) and not report.failures
    return media.parent / "library"


@pytest.fixture(scope="session")
def engine(library: Path) -> Iterator[Engine]:
    """What all doors are compared with."""
    with Engine(library) as engine:
        yield engine


@pytest.fixture(scope="session")
def url(library: Path) -> Iterator[str]:
    with served(library) as url:
        yield url


@pytest.fixture(scope="session", params=DOORS)
def door(request: pytest.FixtureRequest, library: Path, url: str) -> Iterator[Any]:
    """A library that is only asked."""
    with opened(request.param, library, url) as door:
        yield door


@pytest.fixture(scope="session", params=DOORS)
def own(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Path]]:
    """A library that may be changed, for each door one, and the folder of its three texts."""
    folder = tmp_path_factory.mktemp("changed") / "media"
    folder.mkdir()
    for number, words in enumerate(("dogs bark at night", "rain falls", "a horse runs")):
        (folder / f"{number}.txt").write_text(words)
    library = folder.parent / "library"
    with Engine(library, encoder="starter") as engine:
        engine.index([folder], workers=0)
    with (
        served(library, roots=(folder.parent,)) as url,
        opened(request.param, library, url) as door,
    ):
        yield door, folder
