"""What an Engine refuses, both clients refuse: the same class, the same words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from searchengine import Engine
from searchengine.errors import DecodeError, InvalidFilter, SearchEngineError, UnknownEncoder

Asking = Callable[[Any, Path], Any]

REFUSED: dict[str, Asking] = {
    "nothing": lambda door, files: door.search(),
    "an empty text": lambda door, files: door.search(text=" "),
    "no modality": lambda door, files: door.search(smell="x"),
    "no target": lambda door, files: door.search(text="dog", targets=["smell"]),
    "no grouping": lambda door, files: door.search(text="dog", group_by="x"),
    "no score": lambda door, files: door.search(text="dog", score="x"),
    "no mode": lambda door, files: door.search(text="dog", mode="x"),
    "a filter that does not parse": lambda door, files: door.search(text="x", filter="year >>= 3"),
    "a filter that ends": lambda door, files: door.items(filter="("),
    "k of none": lambda door, files: door.search(text="dog", k=0),
    "a page before the first": lambda door, files: door.search(text="dog", offset=-1),
    "a weight for nothing": lambda door, files: door.search(text="dog", weights={"image": 1}),
    "a weight that is none": lambda door, files: door.search(text="dog", weights={"text": "x"}),
    "an endless weight": lambda door, files: door.search(text="x", weights={"text": float("inf")}),
    "an item that is not there": lambda door, files: door.search(like=999),
    "parts that cancel out": lambda door, files: door.search(text="x", negative={"text": "x"}),
    "a file that is not there": lambda door, files: door.search(image=files / "none.png"),
    "a folder": lambda door, files: door.search(image=files),
    "an empty file": lambda door, files: door.search(image=files / "empty.png"),
    "no picture": lambda door, files: door.search(image=files / "words.png"),
    "no sound": lambda door, files: door.search(audio=files / "words.wav"),
    "a cut film": lambda door, files: door.search(video=files / "cut.mp4"),
    "no recording": lambda door, files: door.search(imu=files / "words.csv"),
    "the second of two files": lambda door, files: door.search(
        image=[files / "fine.jpg", files / "words.png"]
    ),
    "seconds after the end": lambda door, files: door.search(audio=f"{files / 'fine.ogg'}@500-600"),
    "seconds backwards": lambda door, files: door.search(audio=f"{files / 'fine.ogg'}@5-2"),
    "a vector of nothing": lambda door, files: door.embed(),
    "a vector of two": lambda door, files: door.embed(text="a", image="b"),
    "a vector of an empty text": lambda door, files: door.embed(text=""),
    "showing what is not there": lambda door, files: door.show(999),
    "describing what is not there": lambda door, files: door.describe(999, {"a": 1}),
    "deleting what is not there": lambda door, files: door.delete(ids=[1, 999]),
    "neighbours of what is not there": lambda door, files: door.similar(999),
    "a collection twice": lambda door, files: door.create_collection("default"),
    "dropping what is not there": lambda door, files: door.drop_collection("none"),
    "indexing nothing": lambda door, files: door.index([]),
    "indexing as no modality": lambda door, files: door.index([files], modality="smell"),
}


@pytest.fixture(scope="module")
def files(media: Path) -> Path:
    folder = media.parent / "queries"
    folder.mkdir(exist_ok=True)
    (folder / "empty.png").touch()
    for suffix in ("png", "wav", "csv"):
        (folder / f"words.{suffix}").write_text("only words\n")
    (folder / "cut.mp4").write_bytes((media / "videos" / "surf.mp4").read_bytes()[:20_000])
    shutil.copy(media / "photos" / "beach.jpg", folder / "fine.jpg")
    shutil.copy(media / "sounds" / "bark.ogg", folder / "fine.ogg")
    return folder


def refusal(door: Any, asking: Asking, files: Path) -> SearchEngineError:
    with pytest.raises(SearchEngineError) as caught:
        asking(door, files)
    return caught.value


@pytest.mark.parametrize("asking", REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_is_the_same(door: Any, engine: Engine, files: Path, asking: Asking) -> None:
    said, wanted = refusal(door, asking, files), refusal(engine, asking, files)
    assert (type(said), str(said)) == (type(wanted), str(wanted))
    assert vars(said) == vars(wanted)


def test_an_encoder_that_is_not_there_is_named(door: Any) -> None:
    """In other words: a server loads no folders, and does not offer to."""
    with pytest.raises(UnknownEncoder, match="no encoder 'nope'"):
        door.create_collection("new", "nope")


def test_errors_carry_their_data(door: Any, files: Path) -> None:
    said = refusal(door, REFUSED["no picture"], files)
    assert isinstance(said, DecodeError) and said.path == str(files / "words.png")
    said = refusal(door, REFUSED["a filter that does not parse"], files)
    assert isinstance(said, InvalidFilter) and said.position == 6
