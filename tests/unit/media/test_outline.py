"""Segments cover a file without holes, and every file of every kind has at least one."""

from __future__ import annotations

import itertools
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from searchengine.errors import ConfigError, DecodeError, MediaError
from searchengine.media import probe
from searchengine.media.decode import Wanted, decode
from searchengine.media.modality import BY_SUFFIX
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Cutting, cut, outline, passages
from searchengine.media.text import Document
from searchengine.types import Frames, Modality, Span, SpanUnit, Waveform
from tests.unit.media.filming import film

OPTIONS = MediaOptions()


@given(st.floats(0.01, 5_000), st.floats(0.5, 60), st.floats(0, 0.9))
def test_spans_cover_the_whole_length_and_none_is_much_longer(
    duration_s: float, length_s: float, overlap: float
) -> None:
    spans = list(cut(duration_s, length_s, length_s * overlap))
    if spans == [None]:
        assert duration_s <= length_s * 1.25
        return
    assert all(spans)
    whole = [span for span in spans if span]
    assert whole[0].start == 0 and whole[-1].end == duration_s
    for before, after in itertools.pairwise(whole):
        assert before.start < after.start <= before.end + 1e-6
    assert all(span.end - span.start <= length_s * 1.25 + 1e-6 for span in whole)


@given(st.text(alphabet="ab .!?\n", min_size=1, max_size=2_000), st.integers(5, 200))
def test_passages_hold_every_word_once(text: str, length: int) -> None:
    spans = list(passages(Document(text), length))
    joined = "".join(text if s is None else text[int(s.start) : int(s.end)] for s in spans)
    assert "".join(joined.split()) == "".join(text.split())


def test_a_long_text_is_cut_at_sentences(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("The dog sleeps in the sun all day. " * 40)
    found = outline(path, Modality.TEXT, OPTIONS, Cutting())
    assert len(found.spans) > 3 and all(s and s.unit is SpanUnit.CHARACTERS for s in found.spans)
    texts = decode(path, Modality.TEXT, [Wanted(s) for s in found.spans], OPTIONS)
    assert all(isinstance(t, str) and t.endswith("day.") and t.startswith("The") for t in texts)


def test_subtitles_are_cut_in_seconds(tmp_path: Path) -> None:
    path = tmp_path / "x.srt"
    lines = [
        f"{n}\n00:00:{n:02},000 --> 00:00:{n:02},900\nLine number {n} is quite a few words long.\n"
        for n in range(50)
    ]
    path.write_text("\n".join(lines))
    found = outline(path, Modality.TEXT, OPTIONS, Cutting())
    first = found.spans[0]
    assert first and first.unit is SpanUnit.SECONDS and first.start == 0
    (text,) = decode(path, Modality.TEXT, [Wanted(found.spans[1])], OPTIONS)
    assert isinstance(text, str) and text.startswith("Line number")


def test_a_long_sound_is_cut_and_each_part_is_its_own(tmp_path: Path) -> None:
    path, rate = tmp_path / "x.wav", 8_000
    wave = np.repeat(np.arange(4) / 10, 5 * rate).astype(np.float32)
    soundfile.write(path, wave, rate)
    found = outline(path, Modality.AUDIO, OPTIONS, Cutting())
    assert found.info.duration_s == 20 and len(found.spans) == 4
    parts = decode(path, Modality.AUDIO, [Wanted(s) for s in found.spans], OPTIONS)
    means = [float(p.samples.mean()) for p in parts if isinstance(p, Waveform)]
    assert means == pytest.approx([0, 0.1, 0.2, 0.3], abs=1e-3)


def test_a_video_says_whether_it_has_sound_and_its_sound_has_its_own_outline(
    tmp_path: Path,
) -> None:
    silent, loud = film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4", 300, sound=True)
    assert not outline(silent, Modality.VIDEO, OPTIONS, Cutting()).info.has_sound
    seen = outline(loud, Modality.VIDEO, OPTIONS, Cutting())
    heard = outline(loud, Modality.AUDIO, OPTIONS, Cutting())
    assert seen.info.has_sound and len(seen.spans) == 3 and len(heard.spans) == 6
    (frames,) = decode(loud, Modality.VIDEO, [Wanted(Span(10, 11))], OPTIONS)
    assert isinstance(frames, Frames) and len(frames.pixels) == 10


def test_a_photo_tells_when_where_and_with_what_it_was_taken(tmp_path: Path) -> None:
    path, exif = tmp_path / "x.jpg", Image.Exif()
    exif[0x010F], exif[0x0110] = "Acme", "One"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:30:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 30.0, 0.0), 3: "W", 4: (2.0, 0.0, 36.0)})
    Image.new("RGB", (40, 30)).save(path, exif=exif)
    metadata = outline(path, Modality.IMAGE, OPTIONS, Cutting()).info.metadata
    assert metadata["taken_at"] == "2024-05-01T12:30:00"
    assert (metadata["camera_make"], metadata["width"]) == ("Acme", 40)
    assert (metadata["latitude"], metadata["longitude"]) == (48.5, -2.01)


@pytest.mark.parametrize("modality", list(Modality))
@pytest.mark.parametrize("content", [b"", b"\x00\x01garbage" * 40])
def test_no_garbage_of_any_kind_gets_past_as_anything_but_a_media_error(
    tmp_path: Path, modality: Modality, content: bytes
) -> None:
    for suffix in (".jpg", ".wav", ".mp3", ".mp4", ".txt", ".pdf", ".png", ".npy", ".csv"):
        path = tmp_path / f"x{suffix}"
        path.write_bytes(content)
        with pytest.raises(MediaError, match=rf"x\{suffix}"):
            decode(path, modality, [Wanted()], OPTIONS)


def test_missing_files_and_folders_say_so(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="no such file"):
        outline(tmp_path / "none.jpg", Modality.IMAGE, OPTIONS, Cutting())
    with pytest.raises(DecodeError, match="not a file"):
        outline(tmp_path, Modality.IMAGE, OPTIONS, Cutting())


@pytest.mark.parametrize("bad", [{"audio_s": 0}, {"overlap_s": 5}, {"text_tokens": -1}])
def test_cutting_that_makes_no_sense_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        Cutting(**bad)  # type: ignore[arg-type]


def test_the_type_of_a_picture_is_that_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.new("RGB", (40, 30)).save(path, "PNG")
    info = outline(path, Modality.IMAGE, OPTIONS, Cutting()).info
    assert (info.mime_type, info.metadata) == ("image/png", {"width": 40, "height": 30})


def test_an_animation_is_a_picture_its_first(tmp_path: Path) -> None:
    path = tmp_path / "x.gif"
    frames = [Image.new("RGB", (8, 6), color) for color in ("red", "lime", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert outline(path, Modality.IMAGE, OPTIONS, Cutting()).spans == (None,)
    (pixels,) = decode(path, Modality.IMAGE, [Wanted()], OPTIONS)
    assert isinstance(pixels, np.ndarray) and pixels[0, 0].tolist() == [255, 0, 0]


def test_a_picture_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    size = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"IDAT", zlib.compress(bytes(1_000_000))), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )
    )
    for read in (
        lambda: outline(path, Modality.IMAGE, OPTIONS, Cutting()),
        lambda: decode(path, Modality.IMAGE, [Wanted()], OPTIONS),
    ):
        with pytest.raises(DecodeError, match=r"bomb\.png: too large"):
            read()


def test_hostile_exif_costs_the_metadata_only(tmp_path: Path) -> None:
    path, exif = tmp_path / "x.jpg", Image.Exif()
    exif[0x010F] = "A" * 5_000
    exif[0x0132] = "half past nine on a sunny morning"
    exif.get_ifd(0x8825).update({1: "N", 2: (1e300, 0.0, 0.0), 3: "E", 4: (0.0,)})
    Image.new("RGB", (40, 30)).save(path, exif=exif)
    metadata = outline(path, Modality.IMAGE, OPTIONS, Cutting()).info.metadata
    assert metadata["width"] == 40 and not {"taken_at", "latitude"} & metadata.keys()
    assert len(str(metadata)) < 1_000


def test_a_sound_that_claims_to_be_endless_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.zeros(8_000), 8_000)
    with pytest.raises(DecodeError, match="segments; make them longer"):
        outline(path, Modality.AUDIO, OPTIONS, Cutting(audio_s=5e-6))


def test_every_type_is_known(tmp_path: Path) -> None:
    for suffix in set(BY_SUFFIX) - {".pfm"}:
        assert probe._mime(tmp_path / f"x{suffix.upper()}") != "application/octet-stream", suffix
