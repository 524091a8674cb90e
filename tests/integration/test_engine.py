"""What a person does with an engine: fill it, change the files, ask, delete."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from searchengine import Engine
from searchengine.errors import (
    CollectionNotFound,
    ConfigError,
    DecodeError,
    EmptyQuery,
    EncoderMismatch,
    InvalidFilter,
    MediaError,
    NothingPublished,
    QueryError,
    StoreError,
    StoreLocked,
    UnsupportedModality,
)
from searchengine.media.options import MediaOptions
from searchengine.types import Modality
from tests.hash_encoder import HashEncoder
from tests.unit.media.filming import film

pytestmark = pytest.mark.usefixtures("database")


def photo(path: Path, seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def sound(path: Path, seconds: float, seed: int = 0) -> Path:
    noise = np.random.default_rng(seed).normal(size=int(8_000 * seconds)) * 0.1
    soundfile.write(path, noise, 8_000)
    return path


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty seconds with sound."""
    return film(tmp_path_factory.mktemp("movie") / "film.mp4", 60, rate_hz=2, sound=True)


@pytest.fixture
def media(tmp_path: Path, movie: Path) -> Path:
    """Ten photos, five texts, three sounds, one video with sound."""
    folder = tmp_path / "media"
    folder.mkdir()
    for number in range(10):
        photo(folder / f"photo{number}.png", number)
    for number in range(5):
        (folder / f"note{number}.txt").write_text(f"the story of creature{number} at night")
    for number in range(3):
        sound(folder / f"sound{number}.wav", 12, number)
    shutil.copy(movie, folder)
    return folder


@pytest.fixture
def encoder() -> HashEncoder:
    return HashEncoder()


@pytest.fixture
def engine(tmp_path: Path, encoder: HashEncoder) -> Iterator[Engine]:
    with Engine(tmp_path / "library", encoder=encoder) as engine:
        yield engine


def names(result: object) -> list[str]:
    return [Path(hit.item.path).name for hit in result]  # type: ignore[attr-defined]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_folder_is_indexed_and_each_file_finds_itself(
    engine: Engine, media: Path, workers: int
) -> None:
    report = engine.index([media], workers=workers)
    assert (report.new, report.failures) == (19, ())
    assert report.segments == 10 + 5 + 3 * 3 + 3 + 6
    hit = engine.search(image=media / "photo3.png", targets=["image"], k=1).hits[0]
    assert Path(hit.item.path).name == "photo3.png" and hit.similarity > 0.99
    assert names(engine.search(text="creature2 story", k=1)) == ["note2.txt"]


def test_a_hit_names_its_segment(engine: Engine, media: Path) -> None:
    engine.index([media], workers=0)
    hit = engine.search(audio=f"{media}/sound1.wav@5-10", targets=["audio"], k=1).hits[0]
    assert hit.item.path.endswith("sound1.wav")
    assert (hit.segment.start, hit.segment.end) == (5.0, 10.0)


def test_results_come_from_every_modality_in_turn(engine: Engine, media: Path) -> None:
    engine.index([media], workers=0)
    hits = engine.search(text="creature1", k=4, score="rank").hits
    assert {hit.segment.modality for hit in hits} == {"text", "image", "video", "audio"}
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_an_unchanged_folder_encodes_nothing_and_writes_nothing(
    engine: Engine, media: Path, encoder: HashEncoder, tmp_path: Path
) -> None:
    engine.index([media], workers=0)
    encoded, before = encoder.encoded, snapshot_of(tmp_path / "library")
    report = engine.index([media], workers=2)
    assert (report.new, report.changed, report.unchanged) == (0, 0, 19)
    assert encoder.encoded == encoded and snapshot_of(tmp_path / "library") == before


def snapshot_of(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(p): (p.stat().st_size, p.stat().st_mtime_ns)
        for p in folder.rglob("*")
        if p.is_file() and p.suffix not in (".lock",) and not p.name.endswith(("-shm", "-wal"))
    }


def test_a_moved_file_keeps_its_vectors_and_its_id(
    engine: Engine, media: Path, encoder: HashEncoder
) -> None:
    engine.index([media], workers=0)
    best = engine.search(image=media / "photo1.png", targets=["image"], k=1).hits[0]
    before = best.item.id
    encoded = encoder.encoded
    (media / "sub").mkdir()
    (media / "photo1.png").rename(media / "sub" / "renamed.png")
    report = engine.index([media], workers=0)
    assert (report.moved, report.new, report.gone) == (1, 0, 0)
    assert encoder.encoded == encoded
    item, _ = engine.show(before)
    assert item.path.endswith("sub/renamed.png")


@pytest.mark.parametrize("workers", [0, 2])
def test_copies_count_as_new_but_are_encoded_once(
    engine: Engine, media: Path, encoder: HashEncoder, workers: int
) -> None:
    for number in range(6):
        (media / f"copy{number}.png").write_bytes((media / "photo0.png").read_bytes())
    report = engine.index([media], workers=workers)
    assert report.new == 25 and encoder.encoded == report.segments - 6
    result = engine.search(image=media / "photo0.png", targets=["image"], k=7)
    assert all(hit.similarity > 0.99 for hit in result)
    (media / "later.png").write_bytes((media / "photo0.png").read_bytes())
    encoded = encoder.encoded
    assert engine.index([media], workers=workers).new == 1 and encoder.encoded == encoded


def test_a_changed_file_is_encoded_anew_and_its_old_words_are_forgotten(
    engine: Engine, media: Path
) -> None:
    engine.index([media], workers=0)
    (media / "note2.txt").write_text("entirely different words about harbours")
    report = engine.index([media], workers=0)
    assert (report.changed, report.new) == (1, 0)
    assert names(engine.search(text="harbours", targets=["text"], k=1)) == ["note2.txt"]
    best = engine.search(text="the story of creature2 at night", targets=["text"], k=1).hits[0]
    assert not best.item.path.endswith("note2.txt")


def test_a_touched_file_with_the_same_bytes_is_not_encoded(
    engine: Engine, media: Path, encoder: HashEncoder
) -> None:
    engine.index([media], workers=0)
    encoded = encoder.encoded
    os.utime(media / "photo1.png", (1, 1))
    assert engine.index([media], workers=0).unchanged == 19
    assert encoder.encoded == encoded


def test_files_that_are_gone_stay_until_pruned(engine: Engine, media: Path) -> None:
    engine.index([media], workers=0)
    (media / "note2.txt").unlink()
    assert engine.index([media], workers=0).gone == 1
    assert "note2.txt" in names(engine.search(text="creature2", targets=["text"]))
    assert engine.index([media], workers=0, prune=True).gone == 1
    assert "note2.txt" not in names(engine.search(text="creature2", targets=["text"]))
    assert engine.verify() == ()


def test_metadata_is_filterable_and_its_changes_need_no_encoding(
    engine: Engine, media: Path, encoder: HashEncoder
) -> None:
    def describe(year: int) -> None:
        row = {"file_name": "photo1.png", "year": year, "tag": ["night", "street"]}
        (media / "metadata.jsonl").write_text(json.dumps(row) + "\n")

    describe(2019)
    engine.index([media], workers=0)
    assert names(engine.search(text="x", filter="year >= 2019 and tag = night")) == ["photo1.png"]
    describe(2024)
    encoded = encoder.encoded
    assert engine.index([media], workers=0).changed == 1
    assert encoder.encoded == encoded
    assert names(engine.search(text="x", filter="year > 2020 and not tag = day")) == ["photo1.png"]
    assert names(engine.search(text="x", filter="year < 2020")) == []


def test_a_metadata_row_can_change_what_a_file_is(engine: Engine, media: Path) -> None:
    Image.fromarray(np.full((8, 8), 3_000, np.uint16)).save(media / "odd.png")
    engine.index([media], workers=0)
    row = {"file_name": "odd.png", "modality": "depth"}
    (media / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    assert engine.index([media], workers=0).changed == 1
    found = engine.search(text="x", targets=["depth"])
    assert names(found) == ["odd.png"]


def test_paging_gives_every_item_once(engine: Engine, media: Path) -> None:
    engine.index([media], workers=0)
    pages = [names(engine.search(text="night", k=5, offset=at)) for at in (0, 5, 10, 15)]
    together = [name for page in pages for name in page]
    assert len(together) == 19 and len(set(together)) == 19
    assert names(engine.search(text="night", k=100)) == together


def test_ungrouped_hits_are_segments(engine: Engine, media: Path) -> None:
    engine.index([media], workers=0)
    result = engine.search(text="night", k=100, group_by="none")
    assert len(result) == sum(index.segments for index in engine.status()[0].indexes) == 33


def test_composition_adds_and_negatives_subtract(engine: Engine, media: Path) -> None:
    engine.index([media], workers=0)
    both = engine.search(text=["creature1", "creature4"], targets=["text"], k=2)
    assert set(names(both)) == {"note1.txt", "note4.txt"}
    less = engine.search(
        text=["creature1", "creature4"], negative={"text": "creature4"}, targets=["text"], k=1
    )
    assert names(less) == ["note1.txt"]
    with pytest.raises(EmptyQuery, match="cancel"):
        engine.search(text="creature1", negative={"text": "creature1"})


def test_a_least_similarity_leaves_out_what_is_below(engine: Engine, media: Path) -> None:
    engine.index([media], workers=0)
    every = engine.search(text="the story of creature1 at night", k=100)
    some = engine.search(text="the story of creature1 at night", k=100, min_score=0.6)
    assert 0 < len(some) < len(every) and all(hit.similarity >= 0.6 for hit in some)
    assert len(engine.search(text="creature1", min_score=1.1)) == 0


def test_an_item_finds_its_neighbours_but_not_itself(engine: Engine, media: Path) -> None:
    (media / "same.png").write_bytes((media / "photo5.png").read_bytes())
    engine.index([media], workers=0)
    ids = {Path(h.item.path).name: h.item.id for h in engine.search(text="x", k=100)}
    result = engine.similar(ids["photo5.png"], targets=["image"], k=3)
    assert names(result)[0] == "same.png" and "photo5.png" not in names(result)


def test_deleted_items_are_gone_at_once_and_their_files_stay(engine: Engine, media: Path) -> None:
    engine.index([media], workers=0)
    assert engine.delete(path="*.wav", dry_run=True) == 3
    assert engine.delete(path="*.wav") == 3
    assert not [n for n in names(engine.search(text="x", k=100)) if n.endswith(".wav")]
    assert (media / "sound0.wav").exists()
    assert engine.compact() > 0 and engine.verify() == ()


def test_bad_files_are_reported_with_their_reason_and_stop_nothing(
    engine: Engine, media: Path
) -> None:
    (media / "empty.jpg").touch()
    (media / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"junk" * 10)
    (media / "cut.wav").write_bytes((media / "sound0.wav").read_bytes()[:20])
    (media / "lies.mp4").write_bytes(b"not a film at all" * 99)
    (media / "photo.txt").write_bytes((media / "photo0.png").read_bytes())
    (media / "dangling.png").symlink_to(media / "nowhere.png")
    (media / "loop").symlink_to(media)
    report = engine.index([media], workers=2)
    failed = {Path(f.path).name: f for f in report.failures}
    assert set(failed) == {
        "empty.jpg", "broken.png", "cut.wav", "lies.mp4", "photo.txt", "dangling.png"
    }  # fmt: skip
    assert all(f.reason and f.error for f in failed.values()) and report.new == 19
    assert "empty" in failed["empty.jpg"].reason


def test_a_name_that_is_not_utf8_is_reported(engine: Engine, media: Path) -> None:
    try:
        photo(Path(os.fsdecode(os.fsencode(media) + b"/caf\xe9.png")), 99)
    except OSError:
        pytest.skip("this file system refuses such names")
    report = engine.index([media], workers=0)
    (failure,) = report.failures
    assert "UTF-8" in failure.reason and "caf" in failure.path and report.new == 19


def test_a_file_without_permission_is_reported(engine: Engine, media: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (media / "photo0.png").chmod(0)
    assert "permission" in engine.index([media], workers=0).failures[0].reason.lower()


def test_modalities_an_encoder_lacks_are_failures_that_say_what_works(
    tmp_path: Path, media: Path
) -> None:
    only_text = HashEncoder(modalities=frozenset({Modality.TEXT}))
    with Engine(tmp_path / "library", encoder=only_text) as engine:
        report = engine.index([media], workers=0)
        assert report.new == 5 and len(report.failures) == 14
        assert "it encodes text" in report.failures[0].reason
        with pytest.raises(UnsupportedModality, match="it encodes text"):
            engine.search(image=media / "photo0.png")


def test_a_plan_tells_each_file_its_rule_and_writes_nothing(
    engine: Engine, media: Path, tmp_path: Path
) -> None:
    (media / "thermal").mkdir()
    photo(media / "thermal" / "frame.jpg", 1)
    (media / "unknown.npy").write_bytes(b"")
    planned = {Path(p.path).name: p for p in engine.plan([media])}
    assert planned["frame.jpg"].modality == "thermal" and "thermal/" in planned["frame.jpg"].rule
    assert planned["photo1.png"].rule == "extension .png" and planned["photo1.png"].state == "new"
    assert planned["unknown.npy"].modality is None
    assert not (tmp_path / "library").exists()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_folder_given_with_a_part_of_itself_is_indexed_once(
    engine: Engine, media: Path, workers: int
) -> None:
    tops = [media, media / "photo1.png", media.parent]
    report = engine.index(tops, workers=workers)
    assert (report.new, report.failures) == (19, ())
    (media / "note1.txt").unlink()
    assert engine.index(tops, workers=workers, prune=True).gone == 1
    assert len(list(engine.plan(tops))) == 18


def test_include_and_exclude_choose_files(engine: Engine, media: Path) -> None:
    report = engine.index([media], include=["*.png", "*.txt"], exclude=["photo1*"], workers=0)
    assert report.new == 14


def test_the_library_is_not_indexed_into_itself(tmp_path: Path, encoder: HashEncoder) -> None:
    (tmp_path / "note.txt").write_text("words")
    with Engine(tmp_path / "library", encoder=encoder) as engine:
        engine.index([tmp_path], workers=0)
        (tmp_path / "library" / "stray.txt").write_text("not mine")
        assert engine.index([tmp_path], workers=0).new == 0


def test_an_encoder_that_fails_on_one_segment_loses_only_that_file(
    tmp_path: Path, media: Path
) -> None:
    class Fussy(HashEncoder):
        def encode(self, batch, modality):  # type: ignore[no-untyped-def]
            vectors = super().encode(batch, modality)
            bad = [np.allclose(p, self.preprocess("the story of creature3 at night", "text"))
                   for p in batch]  # fmt: skip
            vectors[bad] = np.nan
            return vectors

    with Engine(tmp_path / "library", encoder=Fussy()) as engine:
        report = engine.index([media], workers=2)
        assert [Path(f.path).name for f in report.failures] == ["note3.txt"]
        assert report.new == 18


def test_an_interrupted_run_keeps_what_was_finished_and_encodes_only_the_rest(
    tmp_path: Path, media: Path
) -> None:
    encoder = HashEncoder()

    def interrupt(progress: object) -> None:
        if progress.segments >= 8:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with Engine(tmp_path / "library", encoder=encoder) as engine:
        with pytest.raises(KeyboardInterrupt):
            engine.index([media], workers=0, on_progress=interrupt)
        kept = engine.status()[0].items
        assert kept > 0
        report = engine.index([media], workers=0)
        assert report.unchanged == kept and report.new == 19 - kept


def test_progress_reaches_the_end(engine: Engine, media: Path) -> None:
    seen: list[object] = []
    engine.index([media], workers=2, on_progress=seen.append)
    last = seen[-1]
    assert last.done == last.found == 19  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        ({}, EmptyQuery, "nothing to search for"),
        ({"text": "  "}, EmptyQuery, "empty"),
        ({"text": "x", "k": 0}, QueryError, "1 to 10000"),
        ({"text": "x", "k": 1_000_000}, QueryError, "1 to 10000"),
        ({"text": "x", "offset": -1}, QueryError, "offset"),
        ({"text": "x", "filter": "year >="}, InvalidFilter, "character 8"),
        ({"text": "x", "targets": ["smell"]}, QueryError, "smell"),
        ({"text": "x", "score": "best"}, QueryError, "rank"),
        ({"text": "x", "weights": {"image": 2}}, QueryError, "no image"),
        ({"smell": "x"}, QueryError, "smell"),
        ({"like": 999}, QueryError, "no item 999"),
        ({"image": "nowhere.png"}, DecodeError, "no such file"),
    ],
)
def test_what_cannot_be_asked_says_why(
    engine: Engine, media: Path, ask: dict[str, object], error: type[Exception], words: str
) -> None:
    engine.index([media], include=["*.txt"], workers=0)
    with pytest.raises(error, match=words):
        engine.search(**ask)  # type: ignore[arg-type]


def test_an_empty_or_missing_library_says_what_to_do(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "none", encoder=HashEncoder())
    with pytest.raises(ConfigError, match="no such file"):
        engine.index([tmp_path / "nowhere"])
    assert not (tmp_path / "none").exists()
    with pytest.raises(StoreError, match="searchengine index"):
        engine.search(text="x")
    engine.create_collection("default")
    with pytest.raises(NothingPublished, match="searchengine index"):
        engine.search(text="x")
    engine.close()
    other = Engine(tmp_path / "none", encoder=HashEncoder(), collection="other")
    with pytest.raises(CollectionNotFound, match="default"):
        other.search(text="x")
    other.close()


def test_a_collection_of_another_encoder_is_refused(
    engine: Engine, media: Path, tmp_path: Path
) -> None:
    engine.index([media], include=["*.txt"], workers=0)
    with Engine(tmp_path / "library", encoder=HashEncoder(identity="hash@2")) as other:
        with pytest.raises(EncoderMismatch, match="hash@1"):
            other.search(text="x")
        with pytest.raises(EncoderMismatch, match="hash@1"):
            other.index([media])


def test_pictures_read_otherwise_are_refused(engine: Engine, media: Path, tmp_path: Path) -> None:
    engine.index([media], include=["*.png"], workers=0)
    as_stored = MediaOptions(orient=False)
    with Engine(tmp_path / "library", encoder=HashEncoder(), options=as_stored) as other:
        with pytest.raises(EncoderMismatch, match="orient"):
            other.search(image=media / "photo1.png")
        with pytest.raises(EncoderMismatch, match="orient"):
            other.index([media])


def test_two_index_runs_at_once_one_wins_and_one_is_told(tmp_path: Path, media: Path) -> None:
    started, refused = threading.Event(), []
    slow = Engine(tmp_path / "library", encoder=HashEncoder(delay_s=0.02))
    slow.create_collection("default")
    runner = threading.Thread(
        target=lambda: slow.index([media], workers=2, on_progress=lambda p: started.set())
    )
    runner.start()
    started.wait(10)
    with Engine(tmp_path / "library", encoder=HashEncoder()) as second:
        try:
            second.index([media])
        except StoreLocked as error:
            refused.append(error)
    runner.join()
    assert refused and slow.status()[0].items == 19
    slow.close()


def test_a_part_embeds_to_a_unit_vector(engine: Engine, media: Path) -> None:
    vector = engine.embed(image=media / "photo0.png")
    assert vector.dtype == np.float32 and np.linalg.norm(vector) == pytest.approx(1)


def test_a_sensor_file_is_asked_with_as_its_metadata_row_says(
    engine: Engine, media: Path, tmp_path: Path
) -> None:
    steps = "accel_x_m_s2,accel_y_m_s2,accel_z_m_s2,gyro_x_rad_s,gyro_y_rad_s,gyro_z_rad_s\n"
    walk = tmp_path / "asked" / "walk.csv"
    walk.parent.mkdir()
    walk.write_text(steps + "0,0,9.8,0,0,0\n" * 200)
    with pytest.raises(MediaError, match="imu_rate_hz"):
        engine.embed(imu=walk)
    (walk.parent / "metadata.jsonl").write_text('{"file_name": "walk.csv", "imu_rate_hz": 50}\n')
    assert np.linalg.norm(engine.embed(imu=walk)) == pytest.approx(1.0)


def test_an_export_has_every_segment_with_its_vector(engine: Engine, media: Path) -> None:
    report = engine.index([media], workers=0)
    rows = list(engine.export())
    assert len(rows) == report.segments
    assert len({segment.id for _, segment, _ in rows}) == report.segments
    assert len(list(engine.export("audio"))) == 15
