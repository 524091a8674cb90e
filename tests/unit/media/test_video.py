"""The frames asked for are the frames given."""

from __future__ import annotations

from pathlib import Path

import pytest

from searchengine.errors import DecodeError
from searchengine.media.audio import read_audio
from searchengine.media.video import read_frames
from searchengine.types import Sampling, Span
from tests.unit.media.filming import film, numbers


def test_every_frame_comes_back_in_order(tmp_path: Path) -> None:
    got = read_frames(film(tmp_path / "x.mp4"))
    assert numbers(got.pixels) == list(range(30))
    assert got.rate_hz == 10 and got.frame_count == 30
    assert got.times_s.tolist() == pytest.approx([n / 10 for n in range(30)])


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "mov"])
def test_a_span_gives_its_frames_only(tmp_path: Path, suffix: str) -> None:
    got = read_frames(film(tmp_path / f"x.{suffix}"), Span(1.0, 2.0))
    assert numbers(got.pixels) == list(range(10, 20))


def test_chosen_frames_may_repeat_and_lie_anywhere(tmp_path: Path) -> None:
    wanted = (0, 3, 3, 17, 29)
    got = read_frames(film(tmp_path / "x.mp4"), None, Sampling(frame_indices=wanted))
    assert numbers(got.pixels) == list(wanted)


def test_a_frame_past_the_end_is_stood_in_for_by_the_last(tmp_path: Path) -> None:
    got = read_frames(film(tmp_path / "x.mp4"), None, Sampling(frame_indices=(28, 31, 40)))
    assert numbers(got.pixels) == [28, 29, 29]


def test_frames_shrink_to_the_short_side_and_never_grow(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4")
    small = read_frames(path, Span(0, 0.2), Sampling(short_side_px=24))
    same = read_frames(path, Span(0, 0.2), Sampling(short_side_px=200))
    assert small.pixels.shape[1:3] == (24, 32) and same.pixels.shape[1:3] == (48, 64)


def test_the_soundtrack_of_a_video_can_be_read(tmp_path: Path) -> None:
    sound = read_audio(film(tmp_path / "x.mp4", sound=True))
    assert sound.duration_s == pytest.approx(3, abs=0.15)


def test_a_video_without_a_soundtrack_says_so(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="no soundtrack"):
        read_audio(film(tmp_path / "x.mp4"))


@pytest.mark.parametrize("keep", [0, 10, 500])
def test_a_truncated_video_is_a_decode_error_naming_it(tmp_path: Path, keep: int) -> None:
    path = film(tmp_path / "cut.mp4")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DecodeError, match=r"cut\.mp4"):
        read_frames(path)
