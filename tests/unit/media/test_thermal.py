"""Thermal frames: kelvin where the file holds temperatures, shades where it does not."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from searchengine.errors import DecodeError
from searchengine.media.flir import Calibration
from searchengine.media.options import MediaOptions
from searchengine.media.thermal import read_thermal
from searchengine.types import ThermalUnit

OPTIONS = MediaOptions()
RADIOMETRIC = MediaOptions(thermal_scale_k=0.04)

#: Constants in the range real cameras have, so that 300 K is about 14,000 counts.
CAMERA = Calibration(
    emissivity=0.95, reflected_k=293.15, r1=17096.453, b=1428.0, f=1.0, o=-342.0, r2=0.046642166
)


def _save(path: Path, array: npt.NDArray[Any], **options: Any) -> Path:
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".npz":
        np.savez(path, other=np.zeros(3), thermal=array)
    elif path.suffix == ".tiff":
        tifffile.imwrite(path, array)
    else:
        Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.npy", "a.npz"])
@pytest.mark.parametrize("options", [OPTIONS, RADIOMETRIC])
def test_eight_bits_are_relative_on_the_full_range(
    tmp_path: Path, name: str, options: MediaOptions
) -> None:
    shades = np.array([[51, 102], [204, 153]], np.uint8)
    frame = read_thermal(_save(tmp_path / name, shades), options)
    assert frame.unit is ThermalUnit.RELATIVE
    assert frame.values.dtype == np.float32
    np.testing.assert_allclose(frame.values, [[0.2, 0.4], [0.8, 0.6]], rtol=1e-6)


def test_a_grey_jpeg_in_three_channels_is_grey(tmp_path: Path) -> None:
    grey = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    path = _save(tmp_path / "a.jpg", np.stack([grey] * 3, axis=2), quality=95)
    frame = read_thermal(path, OPTIONS)
    assert frame.unit is ThermalUnit.RELATIVE and frame.values.shape == (64, 64)
    np.testing.assert_allclose(frame.values, grey / 255, atol=0.02)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_false_colours_are_no_temperatures(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 255, 128, 0])
    palette.convert("RGB").save(path)
    with pytest.raises(DecodeError, match="false colours"):
        read_thermal(path, OPTIONS)
    palette.save(tmp_path / "b.png")
    with pytest.raises(DecodeError, match="false colours"):
        read_thermal(tmp_path / "b.png", OPTIONS)


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.npy"])
def test_sixteen_bits_are_kelvin_with_a_scale_and_the_frames_own_range_without(
    tmp_path: Path, name: str
) -> None:
    counts = np.array([[7000, 7250], [7500, 8000]], np.uint16)
    path = _save(tmp_path / name, counts)
    kelvin = read_thermal(path, RADIOMETRIC)
    assert kelvin.unit is ThermalUnit.KELVIN
    np.testing.assert_allclose(kelvin.values, [[280, 290], [300, 320]], rtol=1e-6)
    relative = read_thermal(path, OPTIONS)
    assert relative.unit is ThermalUnit.RELATIVE
    np.testing.assert_allclose(relative.values, [[0, 0.25], [0.5, 1]], rtol=1e-6)
    centi = MediaOptions(thermal_scale_k=0.01, thermal_offset_k=220.0)
    np.testing.assert_allclose(read_thermal(path, centi).values, counts / 100 + 220, rtol=1e-6)


def test_a_frame_of_one_count_is_flat_not_an_error(tmp_path: Path) -> None:
    frame = read_thermal(_save(tmp_path / "a.png", np.full((4, 4), 9000, np.uint16)), OPTIONS)
    np.testing.assert_array_equal(frame.values, np.zeros((4, 4)))


@pytest.mark.parametrize("name", ["a.tiff", "a.npy", "a.npz"])
def test_floats_are_kelvin_unless_all_are_shares(tmp_path: Path, name: str) -> None:
    kelvin = np.array([[290.5, 300.0], [310.25, 350.0]], np.float64)
    frame = read_thermal(_save(tmp_path / name, kelvin), OPTIONS)
    assert frame.unit is ThermalUnit.KELVIN
    np.testing.assert_array_equal(frame.values, kelvin)
    shares = np.array([[0.0, 0.5], [0.25, 1.0]], np.float32)
    frame = read_thermal(_save(tmp_path / name, shares), OPTIONS)
    assert frame.unit is ThermalUnit.RELATIVE
    np.testing.assert_array_equal(frame.values, shares)


def test_celsius_is_refused_with_the_way_to_say_so(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.npy", np.array([[21.5, -3.0], [36.6, 80.0]], np.float32))
    with pytest.raises(DecodeError, match=r"thermal_offset_k.*273\.15"):
        read_thermal(path, OPTIONS)
    celsius = MediaOptions(thermal_scale_k=1.0, thermal_offset_k=273.15)
    np.testing.assert_allclose(
        read_thermal(path, celsius).values, [[294.65, 270.15], [309.75, 353.15]], rtol=1e-6
    )


@pytest.mark.parametrize("scale", [1e-6, 1e3, 1e300])
def test_a_scale_that_gives_no_temperatures_is_refused(tmp_path: Path, scale: float) -> None:
    path = _save(tmp_path / "a.png", np.full((4, 4), 7500, np.uint16))
    with pytest.raises(DecodeError, match="no temperature"):
        read_thermal(path, MediaOptions(thermal_scale_k=scale))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("options", [OPTIONS, RADIOMETRIC])
def test_values_that_are_not_finite_are_counted(
    tmp_path: Path, bad: float, options: MediaOptions
) -> None:
    values = np.array([[300, bad], [300, 300]], np.float32)
    with pytest.raises(DecodeError, match="1 of 4 values"):
        read_thermal(_save(tmp_path / "a.npy", values), options)


def test_black_and_white_has_no_shades(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="black and white"):
        read_thermal(_save(tmp_path / "a.npy", np.ones((2, 2), bool)), OPTIONS)


def _counts(kelvin: npt.NDArray[Any], camera: Calibration = CAMERA) -> npt.NDArray[np.uint16]:
    """What the camera's sensor would read: the formula of the reader, the other way round."""

    def signal(t: Any) -> Any:
        return camera.r1 / (camera.r2 * (np.exp(camera.b / t) - camera.f)) - camera.o

    share = camera.emissivity
    counts = share * signal(kelvin) + (1 - share) * signal(camera.reflected_k)
    return np.asarray(np.round(counts), np.uint16)


def _fff(
    raw: npt.NDArray[np.uint16], order: str = ">", png: str = "", camera: Any = CAMERA
) -> bytes:
    height, width = raw.shape
    pixels = raw.astype("<u2").tobytes()
    if png:
        buffer = io.BytesIO()
        Image.fromarray(raw.byteswap() if png == "swapped" else raw).save(buffer, "PNG")
        pixels = buffer.getvalue()
    data = struct.pack("<3H", 2, width, height).ljust(32, b"\0") + pixels
    info = bytearray(0x400)
    struct.pack_into("<H", info, 0, 2)
    struct.pack_into("<3f", info, 0x20, camera.emissivity, 1.0, camera.reflected_k)
    struct.pack_into("<3f", info, 0x58, camera.r1, camera.b, camera.f)
    struct.pack_into("<if", info, 0x308, int(camera.o), camera.r2)
    start = 64 + 64
    head = b"FFF\0" + b"TEST".ljust(16, b"\0") + struct.pack(f"{order}III", 100, 64, 2)
    entries = [(1, start, len(data)), (0x20, start + len(data), len(info))]
    directory = b"".join(
        struct.pack(f"{order}HHIIII", kind, 2, 100, 1, at, size).ljust(32, b"\0")
        for kind, at, size in entries
    )
    return head.ljust(64, b"\0") + directory + data + bytes(info)


def _rjpeg(path: Path, fff: bytes, part_bytes: int = 65_000) -> Path:
    """A colourful jpeg that carries ``fff`` as FLIR's cameras write it, last part first."""
    picture = io.BytesIO()
    Image.new("RGB", (16, 12), "orange").save(picture, "JPEG")
    parts = [fff[at : at + part_bytes] for at in range(0, len(fff), part_bytes)]
    segments = b""
    for number, part in reversed(list(enumerate(parts))):
        body = b"FLIR\0\x01" + bytes([number, len(parts) - 1]) + part
        segments += b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    path.write_bytes(picture.getvalue()[:2] + segments + picture.getvalue()[2:])
    return path


SCENE_K = np.linspace(260, 400, 120 * 160).reshape(120, 160)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("png", ["", "right", "swapped"])
def test_a_radiometric_jpeg_gives_the_temperatures_of_the_scene(
    tmp_path: Path, order: str, png: str
) -> None:
    path = _rjpeg(tmp_path / "a.jpg", _fff(_counts(SCENE_K), order, png), part_bytes=9_000)
    frame = read_thermal(path, OPTIONS)
    assert frame.unit is ThermalUnit.KELVIN
    assert frame.values.dtype == np.float32
    np.testing.assert_allclose(frame.values, SCENE_K, atol=0.05)


@given(
    kelvin=st.floats(250, 500),
    emissivity=st.floats(0.5, 1),
    reflected_k=st.floats(250, 320),
)
def test_planck_comes_back_from_counts_to_kelvin(
    kelvin: float, emissivity: float, reflected_k: float
) -> None:
    camera = Calibration(
        emissivity, reflected_k, CAMERA.r1, CAMERA.b, CAMERA.f, CAMERA.o, CAMERA.r2
    )
    back = camera.kelvin(_counts(np.array([[kelvin]]), camera))
    np.testing.assert_allclose(back, kelvin, atol=0.15)


def test_planck_by_hand() -> None:
    """S = 14000 with a perfect emitter: B / ln(R1 / (R2 (S + O)) + F), worked on paper."""
    perfect = Calibration(1.0, 293.15, 17096.453, 1428.0, 1.0, -342.0, 0.046642166)
    ratio = 17096.453 / (0.046642166 * 13_658) + 1.0  # 27.838
    assert perfect.kelvin(np.array([[14_000]]))[0, 0] == pytest.approx(1428.0 / np.log(ratio))
    assert np.isnan(perfect.kelvin(np.array([[100]]))[0, 0])


def test_a_plain_false_colour_jpeg_is_not_rescued_by_other_segments(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (16, 12), "orange").save(picture, "JPEG", exif=b"Exif\0\0FLIR")
    (tmp_path / "a.jpg").write_bytes(picture.getvalue())
    with pytest.raises(DecodeError, match="false colours"):
        read_thermal(tmp_path / "a.jpg", OPTIONS)


def test_broken_flir_segments_are_said_to_be_broken(tmp_path: Path) -> None:
    whole = _fff(_counts(SCENE_K))
    path = tmp_path / "a.jpg"
    for fff in (
        b"nonsense" * 10,
        whole[:70],
        whole[:-2000],
        whole[:0x14] + b"\0\0\0\0" + whole[0x18:],
        whole[:0x18] + struct.pack(">II", 2**31, 2**31) + whole[0x20:],
        whole[:130] + struct.pack("<2H", 65535, 65535) + whole[134:],
        _fff(_counts(SCENE_K), camera=Calibration(0.0, 293.0, 1, 1, 1, 0, 1)),
        _fff(_counts(SCENE_K), camera=Calibration(0.9, float("nan"), 1, 1, 1, 0, 1)),
    ):
        with pytest.raises(DecodeError):
            read_thermal(_rjpeg(path, fff), OPTIONS)


@given(st.data())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_few_wrong_bytes_never_crash(tmp_path: Path, data: st.DataObject) -> None:
    png = data.draw(st.sampled_from(["", "swapped"]))
    content = bytearray(
        _rjpeg(tmp_path / "a.jpg", _fff(_counts(SCENE_K[:4, :4]), png=png)).read_bytes()
    )
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, 250))] = data.draw(st.integers(0, 255))
    (tmp_path / "a.jpg").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        frame = read_thermal(tmp_path / "a.jpg", OPTIONS)
        assert np.isfinite(frame.values).all()
    except Exception as error:
        assert type(error).__name__ in ("DecodeError", "UnsupportedMedia")
