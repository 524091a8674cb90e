"""Whatever is changed, an Engine and both clients change it alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from searchengine.errors import CollectionNotFound, ItemNotFound
from searchengine.media.outline import Cutting
from searchengine.types import Collection, Failure, IndexReport, Modality, Progress

pytestmark = pytest.mark.usefixtures("own")


def test_metadata_is_changed_and_forgotten(own: tuple[Any, Path]) -> None:
    door, _ = own
    item = door.items()[0]
    told = door.describe(item.id, {"mood": "calm", "years": [2020, 2021], "größe": 1.5})
    assert told == door.show(item.id)[0]
    assert told.metadata == {"mood": "calm", "years": [2020, 2021], "größe": 1.5}
    assert [one.id for one in door.items(filter="mood = calm")] == [item.id]
    assert door.describe(item.id, dict.fromkeys(told.metadata)).metadata == {}


def test_a_folder_is_indexed_with_progress_and_every_failure(own: tuple[Any, Path]) -> None:
    door, media = own
    folder = media.parent / "more"
    (folder / "skipped").mkdir(parents=True)
    (folder / "owl.txt").write_text("an owl in the moonlight. " * 40)
    (folder / "skipped" / "not.txt").write_text("nobody reads this")
    (folder / "broken.png").write_bytes(b"\x89PNG and then nothing")
    told: list[Progress] = []
    cutting = Cutting(text_tokens=30)
    report = door.index(
        [folder], exclude=["skipped/*"], workers=0, cutting=cutting, on_progress=told.append
    )
    assert type(report) is IndexReport
    assert (report.new, report.unchanged, len(report.failures)) == (1, 0, 1)
    reason = "not readable as image (cannot identify image file)"
    assert report.failures[0] == Failure(str(folder / "broken.png"), "DecodeError", reason)
    assert told[-1].done == 2 and told[-1].scanned and told[-1].failures == 1
    (owl,) = door.items(path="*/owl.txt")
    assert len(door.show(owl.id)[1]) == report.segments > 5
    assert door.search(text="an owl in the moonlight", k=1).hits[0].item == owl
    (folder / "owl.txt").unlink()
    report = door.index([str(folder)], exclude=["skipped/*"], prune=True)
    assert report.gone == 1 and door.items(path="*/owl.txt") == []


def test_items_are_forgotten_by_id_and_by_path(own: tuple[Any, Path]) -> None:
    door, media = own
    before = door.items()
    assert door.delete(path="*/1.txt", dry_run=True) == 1 and door.items() == before
    assert door.delete(path="*/1.txt", ids=[before[0].id]) == 2
    assert len(door.items()) == len(before) - 2
    assert (media / "1.txt").exists()
    assert door.delete(path="*/nothing") == 0
    with pytest.raises(ItemNotFound):
        door.show(before[0].id)
    assert door.index([media], workers=0).new == 2


def test_collections_come_and_go(own: tuple[Any, Path]) -> None:
    door, _ = own
    made = door.create_collection("föt os", "starter")
    assert type(made) is Collection and made.encoder == "starter" and made.generation == 0
    assert made in door.collections()
    assert {one.collection.name: one.items for one in door.status()}["föt os"] == 0
    door.drop_collection("föt os")
    with pytest.raises(CollectionNotFound):
        door.drop_collection("föt os")


def test_modality_is_as_declared(own: tuple[Any, Path], media: Path) -> None:
    door, mine = own
    frames = mine.parent / "frames"
    frames.mkdir()
    (frames / "x.png").write_bytes((media / "thermal" / "crowd.png").read_bytes())
    assert door.index([frames], modality=Modality.THERMAL, workers=0).new == 1
    assert [one.modality for one in door.items(path="*/x.png")] == [Modality.THERMAL]
