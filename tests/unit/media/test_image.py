"""Pictures come out upright, in RGB, or as one clear error."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from searchengine.errors import DecodeError, UnsupportedMedia
from searchengine.media.image import read_image


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "jpg", "gif", "avif"])
def test_every_format_keeps_shape_and_colour(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"red.{suffix}"
    Image.new("RGB", (40, 30), (250, 10, 20)).save(path)
    pixels = read_image(path)
    assert pixels.shape == (30, 40, 3) and pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - [250, 10, 20]).max() <= 12


def test_exif_orientation_is_applied_unless_told_not_to(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate 90 degrees clockwise to view
    Image.new("RGB", (40, 30)).save(path, exif=exif)
    assert read_image(path).shape == (40, 30, 3)
    assert read_image(path, orient=False).shape == (30, 40, 3)


def test_transparent_pixels_become_white_not_their_hidden_colour(tmp_path: Path) -> None:
    path = tmp_path / "hole.png"
    Image.new("RGBA", (4, 4), (200, 0, 0, 0)).save(path)
    assert (read_image(path) == 255).all()
    assert (read_image(path, composite_alpha=False) == [200, 0, 0]).all()


def test_sixteen_bit_grey_uses_its_own_range(tmp_path: Path) -> None:
    path = tmp_path / "dim.png"
    Image.fromarray(np.array([[100, 300]], np.uint16)).save(path)
    assert read_image(path)[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_broken_picture_is_a_decode_error_naming_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=r"broken\.png"):
        read_image(path)


def test_a_truncated_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DecodeError):
        read_image(path)


def test_a_gigantic_picture_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "huge.png"
    Image.new("1", (400, 300)).save(path)
    monkeypatch.setattr("searchengine.media.image.MAX_PIXELS", 100_000)
    with pytest.raises(DecodeError, match="400 x 300"):
        read_image(path)


@pytest.mark.parametrize(("asked", "given"), [(100, 150), (150, 150), (151, 300), (None, 1200)])
def test_a_large_jpeg_shrinks_while_decoding_but_not_below_what_is_asked(
    tmp_path: Path, asked: int | None, given: int
) -> None:
    path = tmp_path / "large.jpg"
    ramp = np.tile(np.linspace(0, 255, 1600, dtype=np.uint8)[None, :, None], (1200, 1, 3))
    Image.fromarray(ramp).save(path, quality=95)
    pixels = read_image(path, short_side_px=asked)
    assert pixels.shape == (given, given * 4 // 3, 3)
    small = np.asarray(Image.fromarray(ramp).resize((pixels.shape[1], given), Image.Resampling.BOX))
    assert np.abs(pixels.astype(int) - small).max() <= 4


@pytest.mark.parametrize("suffix", ["avif", "webp", "png", "tif"])
def test_a_picture_cut_short_is_one_plain_error(tmp_path: Path, suffix: str) -> None:
    path, noise = tmp_path / f"cut.{suffix}", np.random.default_rng(0)
    Image.fromarray(noise.integers(0, 256, (64, 80, 3), np.uint8)).save(path)
    whole = path.read_bytes()
    for keep in (20, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:keep])
        with pytest.raises(DecodeError, match=rf"cut\.{suffix}: not a readable picture"):
            read_image(path)


def test_a_heic_photo_is_read_with_its_extra(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "phone.heic"
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), (200, 30, 40))).save(path)
    got = read_image(path)
    assert got.shape == (48, 64, 3) and abs(int(got[..., 0].mean()) - 200) < 6
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DecodeError, match="phone"):
        read_image(path)


def test_heic_without_its_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "phone.heic").write_bytes(b"anything")
    with pytest.raises(UnsupportedMedia, match=r"searchengine\[heif\]"):
        read_image(tmp_path / "phone.heic")
