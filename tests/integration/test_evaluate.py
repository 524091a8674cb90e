"""Evaluations of real folders: what takes part, what does not, and what is said of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from searchengine.encoders.encoder import Prepared
from searchengine.errors import ConfigError
from searchengine.evaluation.evaluate import Evaluation, evaluate
from searchengine.evaluation.pairs import Pair
from searchengine.types import FloatArray, Modality
from tests.hash_encoder import HashEncoder
from tests.unit.media.filming import film

Row = dict[str, Any]


class ConstantEncoder(HashEncoder):
    """One vector for everything, but for the noise of another batch."""

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        super().encode(batch, modality)
        vectors = np.ones((len(batch), self.dim), np.float32)
        vectors += np.random.default_rng(self.encoded).normal(size=vectors.shape) * 1e-7
        unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


class NamingEncoder(HashEncoder):
    """Knows a thing by its brightness, loudness or first word: things of one label are alike."""

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        return np.concatenate([np.asarray(one, np.float32)[None] for one in batch])

    def preprocess(self, media: Any, modality: Modality) -> Prepared:
        if isinstance(media, str):
            number = int(media.split()[-1].removeprefix("label"))
        elif modality is Modality.IMAGE:
            number = round(float(np.mean(media)) / 20)
        else:
            number = round(float(np.abs(media.samples).max()) * 10)
        known: Prepared = np.eye(self.dim, dtype=np.float32)[number]
        return known


def picture(path: Path, number: int, seed: int = 0) -> None:
    noise = np.random.default_rng(seed).integers(-3, 4, (24, 32, 3))
    Image.fromarray((number * 20 + noise).astype(np.uint8)).save(path)


def sound(path: Path, number: int, seconds: float = 1.0) -> None:
    wave = np.sin(np.arange(int(8_000 * seconds)) * (0.3 + number / 7))
    soundfile.write(path, wave * number / 10, 8_000, subtype="FLOAT")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two pictures, a sound and a text of each of four labels."""
    folder = tmp_path / "data set"
    folder.mkdir()
    rows = []
    for number in range(1, 5):
        for seed in (0, 1):
            picture(folder / f"p{number}{seed}.png", number, seed)
            rows.append((f"p{number}{seed}.png", "image", number))
        sound(folder / f"s{number}.wav", number, 12)
        (folder / f"t{number}.txt").write_text(f"A text about label{number}")
        rows += [(f"s{number}.wav", "audio", number), (f"t{number}.txt", "text", number)]
    write(
        folder,
        [{"file_name": f, "modality": m, "label": f"label{number}"} for f, m, number in rows],
    )
    return folder


def write(folder: Path, rows: Sequence[Row]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")


def rows_of(folder: Path) -> list[Row]:
    return [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]


def run(folder: Path, encoder: HashEncoder | None = None, **how: Any) -> Evaluation:
    return evaluate(folder, encoder=encoder or HashEncoder(), workers=0, **how)


def by_names(found: Evaluation) -> dict[tuple[str, str], Pair]:
    pairs = {(pair.query, pair.target): pair for pair in found.pairs}
    assert len(pairs) == len(found.pairs)
    return pairs


def reasons(found: Evaluation) -> dict[str, str]:
    return {Path(failure.path).name: failure.reason for failure in found.failures}


def test_every_pair_is_measured_and_an_encoder_that_knows_all_is_right(dataset: Path) -> None:
    found = run(dataset, NamingEncoder())
    pairs = by_names(found)
    names = ("audio", "image", "text", "labels")
    assert pairs.keys() == {(q, t) for q in names for t in names} - {("labels", "labels")}
    assert found.items == {"audio": 4, "image": 8, "text": 4} and not found.failures
    for (query, target), pair in pairs.items():
        if query == target and query != "image":  # one of each label: nothing else to find
            assert pair.score is None and pair.left_out == 4
            continue
        assert pair.score is not None and pair.left_out == 0
        score = pair.score.measured
        assert (score.recall_at_1, score.recall_at_5, score.map) == pytest.approx((1, 1, 1))
        assert (score.accuracy is None) == (target != "labels")
        assert pair.score.chance.map < 0.7
    assert {pair.kind for pair in found.pairs} == {"across", "labels", "within"}
    assert pairs["image", "image"].gallery == pairs["text", "image"].gallery == 8


def test_an_encoder_that_tells_nothing_apart_measures_chance(dataset: Path) -> None:
    found = run(dataset, ConstantEncoder())
    scores = [pair.score for pair in found.pairs if pair.score]
    assert len(scores) == 13
    for score in scores:
        for name in ("recall_at_1", "recall_at_5", "map", "accuracy"):
            chance = getattr(score.chance, name)
            assert getattr(score.measured, name) == (chance and pytest.approx(chance))


def test_one_modality_searches_itself_and_the_labels(dataset: Path) -> None:
    write(dataset, [row for row in rows_of(dataset) if row["modality"] == "image"])
    found = run(dataset)
    assert by_names(found).keys() == {("labels", "image"), ("image", "labels"), ("image", "image")}
    assert found.unlisted == 8 and not found.failures


def test_whatever_cannot_take_part_is_a_failure_that_says_why(dataset: Path) -> None:
    (dataset / "p10.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (dataset / "s1.wav").unlink()
    (dataset / "notes.xyz").write_text("no media")
    (dataset / ".hidden.png").write_bytes((dataset / "p20.png").read_bytes())
    rows = rows_of(dataset)
    for row in rows:
        if row["file_name"] == "p21.png":
            del row["label"]
        if row["file_name"] == "p31.png":
            row["modality"] = "smell"
    extra = [{"file_name": name, "label": "label1"} for name in ("notes.xyz", ".hidden.png")]
    write(dataset, [*rows, *extra, {"label": "of nothing"}])
    found = run(dataset)
    assert reasons(found).keys() == {
        "p10.png", "s1.wav", "notes.xyz", ".hidden.png", "p21.png", "p31.png", "metadata.jsonl",
    }  # fmt: skip
    assert len(found.failures) == 7
    said = reasons(found)
    assert said["s1.wav"].startswith("no such file")
    assert "no label" in said["p21.png"] and "smell" in said["p31.png"]
    assert "line 19" in said["metadata.jsonl"]
    assert found.items == {"audio": 3, "image": 5, "text": 4}
    assert found.unlisted == 0
    pair = by_names(found)["text", "audio"]
    assert pair.score is not None and (pair.score.queries, pair.left_out) == (3, 1)


def test_nothing_that_can_be_read_is_nothing_measured(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"broken")
    write(tmp_path, [{"file_name": "a.png", "label": "dog"}])
    found = run(tmp_path)
    assert found.pairs == () and reasons(found).keys() == {"a.png"} and found.items == {}


@pytest.mark.parametrize("how", [{"prompts": ["a photo"]}, {"wordings": {"label1": ["one"]}}])
def test_mistakes_are_found_before_anything_is_encoded(dataset: Path, how: dict[str, Any]) -> None:
    encoder = HashEncoder()
    with pytest.raises(ConfigError):
        run(dataset, encoder, **how)
    assert encoder.encoded == 0


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"metadata\.jsonl"):
        run(tmp_path)


def test_an_item_of_two_labels_belongs_to_both(dataset: Path) -> None:
    rows = rows_of(dataset)
    for row in rows:
        if row["file_name"] == "t1.txt":
            del row["label"]
            row["labels"] = ["label1", "label2"]
    write(dataset, rows)
    pairs = by_names(run(dataset, NamingEncoder()))
    to_pictures, to_labels = pairs["text", "image"].by_label, pairs["text", "labels"].by_label
    assert to_pictures["label2"].queries == 2 and to_pictures["label3"].queries == 1
    assert to_labels["label2"].measured.accuracy == pytest.approx(1)
    score = pairs["text", "image"].score
    assert score is not None and score.chance.recall_at_1 == pytest.approx((0.5 + 3 * 0.25) / 4)


def test_copies_of_a_file_do_not_find_each_other(dataset: Path) -> None:
    shutil.copy(dataset / "s1.wav", dataset / "copy.wav")
    copy = {"file_name": "copy.wav", "modality": "audio", "label": "label1"}
    write(dataset, [*rows_of(dataset), copy])
    pairs = by_names(run(dataset, NamingEncoder()))
    assert pairs["audio", "audio"].score is None
    assert pairs["audio", "image"].score is not None
    assert pairs["audio", "image"].score.queries == pairs["image", "audio"].gallery == 5


def test_a_caption_finds_its_own_item_and_those_that_share_it(dataset: Path) -> None:
    rows = rows_of(dataset)
    for row in rows:
        if row["modality"] == "image":
            row["caption"] = f"all about {row['label']}"
    write(dataset, rows)
    pairs = by_names(run(dataset, NamingEncoder()))
    there, back = pairs["captions", "image"], pairs["image", "captions"]
    assert there.score is not None and there.score.queries == 4 and there.gallery == 8
    assert back.score is not None and back.score.queries == 8 and back.gallery == 4
    assert there.score.measured.map == back.score.measured.map == pytest.approx(1)
    assert not there.by_label and ("captions", "audio") not in pairs


def test_captions_without_labels_are_a_data_set_too(dataset: Path) -> None:
    rows = [
        {"file_name": row["file_name"], "modality": row["modality"], "caption": row["label"]}
        for row in rows_of(dataset)
        if row["modality"] == "image"
    ]
    write(dataset, rows)
    found = run(dataset, NamingEncoder())
    assert by_names(found).keys() == {("captions", "image"), ("image", "captions")}
    assert found.items == {"image": 8} and found.sentences == {}


def test_labels_are_asked_in_the_words_given(dataset: Path) -> None:
    wordings = {f"label{n}": [f"label{n}", f"no label{5 - n}"] for n in range(1, 5)}
    found = run(dataset, NamingEncoder(), prompts=["this is {label}"], wordings=wordings)
    assert found.sentences["label1"] == ("this is label1", "this is no label4")
    pair = by_names(found)["labels", "image"]  # each label is half another: two of each are best
    assert pair.score is not None
    assert pair.score.measured.recall_at_1 == pytest.approx(0.5)


def test_an_encoder_without_words_is_measured_without_them(dataset: Path) -> None:
    able = frozenset({Modality.IMAGE, Modality.AUDIO})
    found = run(dataset, HashEncoder(modalities=able))
    names = {name for pair in found.pairs for name in (pair.query, pair.target)}
    assert names == {"image", "audio"} and len(found.pairs) == 4
    assert reasons(found).keys() == {f"t{number}.txt" for number in range(1, 5)}


def test_labels_of_every_script_take_part(tmp_path: Path) -> None:
    names = {"犬": 1, "cafe\u0301": 2, "caf\u00e9": 2, "\U0001f415\u200d\U0001f9ba": 3}
    rows = []
    for number, (label, shade) in enumerate(names.items()):
        picture(tmp_path / f"p{number}.png", shade, number)
        row = {"file_name": f"p{number}.png", "modality": "image", "label": label}
        rows.append({**row, "extra": [1, {"x": None}], "licence": "CC0-1.0"})
    write(tmp_path, rows)
    found = run(tmp_path)
    assert len(found.sentences) == 3 and not found.failures
    within = by_names(found)["image", "image"]
    assert within.score is not None and within.score.queries == 2


def test_the_data_set_may_be_a_link_and_is_left_as_it_was(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(dataset)
    before = sorted(path.name for path in dataset.iterdir())
    monkeypatch.chdir(tmp_path)
    found = run(Path("link"))
    assert not found.failures and found.items == {"audio": 4, "image": 8, "text": 4}
    assert sorted(path.name for path in dataset.iterdir()) == before


def test_a_film_is_what_it_shows_and_not_its_soundtrack(tmp_path: Path) -> None:
    class Remembering(HashEncoder):
        def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
            seen.add(modality)
            return super().encode(batch, modality)

    seen: set[Modality] = set()
    film(tmp_path / "film.mp4", 8, rate_hz=2, sound=True)
    write(tmp_path, [{"file_name": "film.mp4", "modality": "video", "label": "rain"}])
    assert run(tmp_path, Remembering()).items == {"video": 1}
    assert seen == {Modality.VIDEO, Modality.TEXT}
