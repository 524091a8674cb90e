"""The demo corpus is whole, small, openable, and every file of it is credited."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from searchengine.demo import corpus
from searchengine.media.metadata import read_metadata
from searchengine.media.modality import decide

MAX_BYTES = 15_000_000
MAX_VIDEO_BYTES = 1_200_000
NOTICE = Path(__file__).parents[3] / "NOTICE"
FREE = re.compile(r"public domain|CC0-1\.0|CC BY \d\.\d|CC BY-SA \d\.\d|Apache-2\.0")

FILES = sorted(
    path.relative_to(corpus()).as_posix() for path in corpus().rglob("*") if path.is_file()
)
MEDIA = [name for name in FILES if name != "metadata.jsonl"]


def of(folder: str) -> list[str]:
    return [name for name in MEDIA if name.startswith(folder + "/")]


def credits() -> dict[str, list[str]]:
    """The rows of the table in NOTICE: file to author, source, licence."""
    table = NOTICE.read_text(encoding="utf-8").partition("<!-- demo corpus -->")[2]
    table = table.partition("<!-- end of the demo corpus -->")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {file: rest for file, *rest in rows}


def test_every_file_is_credited_in_notice_and_every_credit_has_its_file() -> None:
    assert sorted(credits()) == MEDIA


@pytest.mark.parametrize("name", MEDIA)
def test_a_file_has_an_author_a_source_and_a_free_licence(name: str) -> None:
    author, source, licence = credits()[name]
    assert author and source
    assert FREE.fullmatch(licence)


def test_the_metadata_describes_every_file_and_agrees_with_notice() -> None:
    metadata = read_metadata(corpus())
    assert metadata.failures == ()
    assert sorted(metadata.rows) == MEDIA
    said = {n: [r["author"], r["source"], r["licence"]] for n, r in metadata.rows.items()}
    assert said == credits()
    assert all(row["label"] and row["caption"] and row["tags"] for row in metadata.rows.values())


def test_the_metadata_says_the_modality_that_the_file_shows_by_itself() -> None:
    rows = read_metadata(corpus()).rows
    said = {name: str(row["modality"]) for name, row in rows.items()}
    assert said == {name: str(decide(corpus() / name).modality) for name in MEDIA}


def test_most_subjects_come_in_more_than_one_modality() -> None:
    rows = read_metadata(corpus()).rows
    pairs = {(row["label"], name.partition("/")[0]) for name, row in rows.items()}
    folders = Counter(label for label, _ in pairs)
    assert sum(count > 1 for count in folders.values()) >= 12


def test_the_whole_corpus_is_small() -> None:
    assert sum((corpus() / name).stat().st_size for name in FILES) <= MAX_BYTES
    assert all((corpus() / name).stat().st_size <= MAX_VIDEO_BYTES for name in of("videos"))


def test_no_two_files_hold_the_same_bytes() -> None:
    digests = [hashlib.sha256((corpus() / name).read_bytes()).digest() for name in FILES]
    assert len(set(digests)) == len(FILES)


@pytest.mark.parametrize("name", of("photos"))
def test_a_photo_opens_and_is_a_photograph(name: str) -> None:
    with Image.open(corpus() / name) as image:
        image.load()
        assert 300 <= max(image.size) <= 512
        assert len(image.getcolors(2**20) or []) > 256  # no drawing has so many


@pytest.mark.parametrize("name", of("sounds"))
def test_a_sound_opens_and_is_not_silent(name: str) -> None:
    wave, rate = soundfile.read(corpus() / name)
    assert 1 <= len(wave) / rate <= 45
    assert 0.05 < abs(wave).max() <= 1


def test_one_sound_is_longer_than_an_encoder_hears_at_once() -> None:
    durations = [soundfile.info(corpus() / name).duration for name in of("sounds")]
    assert max(durations) > 15


@pytest.mark.parametrize("name", of("texts"))
def test_a_text_is_utf8_and_says_something(name: str) -> None:
    assert len((corpus() / name).read_text(encoding="utf-8").split()) >= 30


@pytest.mark.parametrize("name", of("videos"))
def test_a_video_moves_and_has_a_soundtrack_as_long_as_itself(name: str) -> None:
    with av.open(str(corpus() / name)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
        shown_s = len(frames) / float(container.streams.video[0].average_rate or 0)
        container.seek(0)
        heard = [frame.to_ndarray() for frame in container.decode(audio=0)]
        heard_s = sum(part.shape[1] for part in heard) / container.streams.audio[0].rate
    assert abs(frames[0].astype(float) - frames[-1]).mean() > 1
    assert np.abs(np.concatenate(heard, axis=1)).max() > 0.02
    assert heard_s == pytest.approx(shown_s, abs=0.5)
