"""Previews of real files: the right part of them, decoded apart, and kept within bounds."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from searchengine.errors import DecodeError
from searchengine.media.options import MediaOptions
from searchengine.server.previews.cache import Cache, key_of
from searchengine.server.previews.gallery import PREVIEWS, Gallery
from searchengine.server.previews.kinds import Kind
from searchengine.server.previews.sheet import Preview
from searchengine.server.previews.source import LONGEST_S, Source
from searchengine.types import Modality, Span, SpanUnit
from tests.unit.media.filming import STEP, film


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    gallery = Gallery(tmp_path / "library")
    yield gallery
    gallery.close()


def brightness(preview: Preview, x: int, y: int) -> int:
    """Which frame of ``film`` is there."""
    picture = Image.open(io.BytesIO(preview.content)).convert("RGB")
    return round((picture.getpixel((x, y))[0] - 20) / STEP)


def age(folder: Path, key: str, seconds: int) -> None:
    (path,) = folder.rglob(f"{key}*")
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - seconds))


# -- what of a file


def test_a_poster_is_the_frame_at_which_the_segment_starts(
    gallery: Gallery, tmp_path: Path
) -> None:
    path = film(tmp_path / "film.mp4", frames=30, rate_hz=10)
    for span, wanted in ((None, 0), (Span(1.2, 3.0), 12), (Span(99.0, 100.0), 29)):
        poster = gallery.drawn(Source(path, Modality.VIDEO, span), Kind.THUMB, 64)
        assert brightness(poster, 32, 24) == wanted


def test_a_strip_is_spread_over_the_segment(gallery: Gallery, tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", frames=30, rate_hz=10)
    strip = gallery.drawn(Source(path, Modality.VIDEO, Span(1.0, 2.0)), Kind.STRIP, 320)
    assert [brightness(strip, 32 + 64 * n, 20) for n in range(5)] == pytest.approx(
        [11, 13, 15, 17, 19], abs=1
    )
    whole = gallery.drawn(Source(path, Modality.VIDEO), Kind.STRIP, 320)
    assert [brightness(whole, 32 + 64 * n, 20) for n in range(5)] == pytest.approx(
        [3, 9, 15, 21, 27], abs=1
    )


def test_a_soundtrack_has_a_waveform(gallery: Gallery, tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", sound=True)
    wave = gallery.drawn(Source(path, Modality.AUDIO), Kind.WAVEFORM, 320)
    alpha = np.asarray(Image.open(io.BytesIO(wave.content)).getchannel("A"))
    assert (alpha[:87, 160] > 60).sum() > 60


def test_of_hours_of_sound_only_the_beginning_is_read(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    loud = np.zeros(round((LONGEST_S + 60) * 8000), np.float32)
    loud[round(LONGEST_S * 8000) :] = 0.9
    soundfile.write(path, loud, 8000)
    source = Source(path, Modality.AUDIO)
    alpha = np.asarray(
        Image.open(io.BytesIO(gallery.drawn(source, Kind.WAVEFORM, 320).content)).getchannel("A")
    )
    assert (alpha[:85, 20:300] > 60).sum(axis=0).max() <= 3


def test_a_passage_is_the_segment_of_the_text(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("First sentence. Second sentence.")
    source = Source(path, Modality.TEXT, Span(16, 32, SpanUnit.CHARACTERS))
    preview = gallery.drawn(source, Kind.TEXT, 320)
    assert preview == Preview(b"Second sentence.", "text/plain; charset=utf-8")


def test_options_decide_the_unit_of_a_depth_map(gallery: Gallery, tmp_path: Path) -> None:
    values = np.tile(np.linspace(1000, 5000, 64, dtype=np.uint16), (48, 1))
    Image.fromarray(values).save(tmp_path / "a.png")
    pictures = [
        gallery.drawn(
            Source(tmp_path / "a.png", Modality.DEPTH, None, MediaOptions(depth_scale_m=scale)),
            Kind.MAP,
            320,
        ).content
        for scale in (0.001, 0.0001)
    ]
    assert pictures[0] != pictures[1]


@pytest.mark.parametrize("modality", [Modality.IMAGE, Modality.VIDEO, Modality.AUDIO])
def test_a_broken_file_is_an_error_that_names_it(
    gallery: Gallery, tmp_path: Path, modality: Modality
) -> None:
    path = tmp_path / "broken.bin"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + os.urandom(500))
    with pytest.raises(DecodeError, match=r"broken\.bin"):
        gallery.kept("0" * 32, Source(path, modality), Kind.THUMB, 320)


# -- what is kept


def test_what_was_drawn_once_is_not_decoded_again(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 30), "red").save(path)
    source = Source(path, Modality.IMAGE)
    first = gallery.kept(key_of("a"), source, Kind.THUMB, 320)
    path.unlink()
    assert gallery.kept(key_of("a"), source, Kind.THUMB, 320) == first
    with pytest.raises(DecodeError):
        gallery.kept(key_of("b"), source, Kind.THUMB, 320)
    assert len(list((tmp_path / "library" / PREVIEWS).rglob("*.webp"))) == 1


def test_the_folder_never_outgrows_its_bound_and_the_oldest_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, most_bytes=1000)
    keys = [key_of(number) for number in range(12)]
    for place, key in enumerate(keys[:10]):
        cache.put(key, Preview(bytes([place]) * 100))
        age(tmp_path, key, 100 - place)
    assert cache.get(keys[0]) == Preview(b"\0" * 100)  # seen just now, no longer the oldest
    cache.put(keys[10], Preview(b"x" * 100))
    assert [cache.get(key) is not None for key in keys[:3]] == [True, False, False]
    assert cache.get(keys[10]) is not None
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.webp")) <= 1000


def test_what_an_earlier_process_left_counts(tmp_path: Path) -> None:
    for place in range(10):
        Cache(tmp_path, most_bytes=10**6).put(key_of(place), Preview(b"x" * 100))
        age(tmp_path, key_of(place), 100 - place)
    (tmp_path / "aa").mkdir(exist_ok=True)
    (tmp_path / "aa" / "tmpleft").write_bytes(b"y" * 5000)
    os.utime(tmp_path / "aa" / "tmpleft", (0, 0))
    cache = Cache(tmp_path, most_bytes=1050)
    cache.put(key_of("new"), Preview(b"x" * 100))
    assert not (tmp_path / "aa" / "tmpleft").exists()
    assert cache.get(key_of("new")) is not None and cache.get(key_of(0)) is None


def test_many_threads_may_keep_the_same(tmp_path: Path) -> None:
    cache = Cache(tmp_path, most_bytes=3000)

    def work(number: int) -> bool:
        key = key_of(number % 7)
        cache.put(key, Preview(bytes([number % 7]) * 500))
        found = cache.get(key)
        return found is None or found.content == bytes([number % 7]) * 500

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(400)))
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.webp")) <= 3000


def test_a_folder_that_cannot_be_written_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "previews").write_text("a file where the folder should be")
    cache = Cache(tmp_path / "previews")
    cache.put(key_of("a"), Preview(b"x"))
    assert cache.get(key_of("a")) is None
    assert "previews are not kept" in caplog.text


def test_keys_tell_all_they_are_made_of_apart() -> None:
    assert len({key_of("a", "bc"), key_of("ab", "c"), key_of("abc"), key_of("a", "b", "c")}) == 4
