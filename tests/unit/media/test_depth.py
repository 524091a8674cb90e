"""Depth maps in every container, and files that only claim to be one."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from searchengine.errors import DecodeError, UnsupportedMedia
from searchengine.media.depth import read_depth
from searchengine.media.options import MediaOptions

OPTIONS = MediaOptions()
MM = np.array([[0, 500, 1000], [1500, 65535, 0]], np.uint16)


def _save(path: Path, array: npt.NDArray[Any]) -> Path:
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".npz":
        np.savez(path, other=np.zeros(3), depth=array)
    elif path.suffix == ".pfm":
        path.write_bytes(_pfm(array.astype(np.float32)))
    elif path.suffix == ".png":
        Image.fromarray(array).save(path)
    else:
        tifffile.imwrite(path, array)
    return path


def _pfm(values: npt.NDArray[np.float32], order: str = "<", kind: str = "Pf") -> bytes:
    height, width = values.shape[:2]
    scale = "-1.0" if order == "<" else "1.0"
    rows = values[::-1].astype(f"{order}f4").tobytes()
    return f"{kind}\n{width} {height}\n{scale}\n".encode() + rows


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy", "a.npz"])
def test_integers_count_the_unit_of_the_options(tmp_path: Path, name: str) -> None:
    path = _save(tmp_path / name, MM)
    depth = read_depth(path, OPTIONS)
    assert depth.metres.dtype == np.float32
    np.testing.assert_allclose(depth.metres, MM * 0.001, rtol=1e-6)
    np.testing.assert_array_equal(depth.valid, MM > 0)
    coarse = read_depth(path, MediaOptions(depth_scale_m=1 / 256))
    np.testing.assert_allclose(coarse.metres, MM / 256, rtol=1e-6)


@pytest.mark.parametrize("name", ["a.tif", "a.npy", "a.npz", "a.pfm"])
def test_floats_are_metres_and_what_the_sensor_missed_is_not_valid(
    tmp_path: Path, name: str
) -> None:
    metres = np.array([[1.5, np.nan, np.inf], [-1, 0, 20]], np.float32)
    depth = read_depth(_save(tmp_path / name, metres), MediaOptions(depth_scale_m=0.5))
    np.testing.assert_array_equal(depth.metres, [[1.5, 0, 0], [0, 0, 20]])
    np.testing.assert_array_equal(depth.valid, [[True, False, False], [False, False, True]])


@pytest.mark.parametrize("dtype", [">u2", "<i4", "i8", "u4", "f2", ">f8"])
def test_every_plain_dtype_and_byte_order_is_read(tmp_path: Path, dtype: str) -> None:
    values = np.array([[1, 2], [3, 400]]).astype(dtype)
    depth = read_depth(_save(tmp_path / "a.npy", values), MediaOptions(depth_scale_m=1.0))
    np.testing.assert_array_equal(depth.metres, values.astype(np.float32))
    np.save(tmp_path / "b.npy", np.asfortranarray(values))
    again = read_depth(tmp_path / "b.npy", MediaOptions(depth_scale_m=1.0))
    np.testing.assert_array_equal(again.metres, depth.metres)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiffs_are_read_as_plain_ones(tmp_path: Path, compression: str) -> None:
    for array in (MM, MM.astype(np.float32)):
        Image.fromarray(array).save(tmp_path / "c.tif", compression=compression)
        _save(tmp_path / "p.tif", array)
        compressed, plain = (read_depth(tmp_path / n, OPTIONS) for n in ("c.tif", "p.tif"))
        np.testing.assert_array_equal(compressed.metres, plain.metres)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_pfm_of_either_byte_order_is_turned_upright(tmp_path: Path, order: str) -> None:
    metres = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    path = tmp_path / "a.pfm"
    path.write_bytes(_pfm(metres, order))
    np.testing.assert_array_equal(read_depth(path, OPTIONS).metres, metres)
    path.write_bytes(_pfm(metres, order).replace(b"\n", b"\r\n", 3))
    np.testing.assert_array_equal(read_depth(path, OPTIONS).metres, metres)


@given(
    values=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=5),
        elements=st.floats(0.125, 1e6, width=32),
    ),
    suffix=st.sampled_from([".pfm", ".npy", ".tif"]),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_metres_survive_any_container(
    tmp_path: Path, values: npt.NDArray[np.float32], suffix: str
) -> None:
    depth = read_depth(_save(tmp_path / f"a{suffix}", values), OPTIONS)
    np.testing.assert_array_equal(depth.metres, values)
    assert depth.valid.all()


def test_exr_is_read_by_its_channel_z(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exr = pytest.importorskip("OpenEXR")
    metres = np.arange(1, 7, dtype=np.float32).reshape(2, 3)

    def write(**channels: npt.NDArray[np.float32]) -> Path:
        header = {"compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage}
        with exr.File(header, channels) as file:
            file.write(str(tmp_path / "a.exr"))
        return tmp_path / "a.exr"

    np.testing.assert_array_equal(read_depth(write(Z=metres, A=metres * 9), OPTIONS).metres, metres)
    np.testing.assert_array_equal(read_depth(write(Y=metres), OPTIONS).metres, metres)
    with pytest.raises(DecodeError, match="no channel Z"):
        read_depth(write(A=metres, B=metres), OPTIONS)
    path = write(Z=metres)
    whole = path.read_bytes()
    for keep in (200, len(whole) - 8):
        path.write_bytes(whole[:keep])
        with pytest.raises(DecodeError, match="not a readable exr"):
            read_depth(path, OPTIONS)
    assert capsys.readouterr().out == ""


def test_exr_without_its_extra_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    (tmp_path / "a.exr").write_bytes(b"\x76\x2f\x31\x01" + b"\0" * 20)
    with pytest.raises(UnsupportedMedia, match="depth-exr"):
        read_depth(tmp_path / "a.exr", OPTIONS)


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (np.full((4, 4), 9, np.uint8), "8 bits"),
        (np.full((4, 4, 3), 9, np.uint8), "colour"),
        (np.full((4, 4, 4), 9, np.uint8), "colour"),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_a_picture_of_depth_holds_no_metres(
    tmp_path: Path, picture: npt.NDArray[np.uint8], kind: str, suffix: str
) -> None:
    Image.fromarray(picture).save(tmp_path / f"a{suffix}", compression="tiff_lzw")
    with pytest.raises(DecodeError, match=f"{kind}.*no metres"):
        read_depth(tmp_path / f"a{suffix}", OPTIONS)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_map_in_which_nothing_was_seen_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(DecodeError, match="no depth in it"):
        read_depth(_save(tmp_path / "a.npy", np.full((2, 2), value, np.float64)), OPTIONS)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4), (0, 4), (2, 2, 2, 2), ()])
def test_other_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(DecodeError, match="not one value a pixel"):
        read_depth(_save(tmp_path / "a.npy", np.ones(shape, np.float32)), OPTIONS)


def test_one_channel_on_an_axis_of_its_own_is_accepted(tmp_path: Path) -> None:
    for shape in ((2, 3, 1), (1, 2, 3)):
        path = _save(tmp_path / "a.npy", np.ones(shape, np.float32))
        assert read_depth(path, OPTIONS).metres.shape == (2, 3)


class _Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("import sys; sys.pickle_ran = True",)


def test_a_planted_pickle_does_not_run(tmp_path: Path) -> None:
    objects = np.array([[_Bomb()]], object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", depth=objects)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(_Bomb()))
    for name in ("a.npy", "a.npz", "b.npy"):
        with pytest.raises((DecodeError, UnsupportedMedia)):
            read_depth(tmp_path / name, OPTIONS)
    assert not hasattr(sys, "pickle_ran")


@pytest.mark.parametrize("dtype", ["U4", "S4", "c16", "M8[s]", "f4,f4", "V8"])
def test_arrays_of_other_than_plain_numbers_are_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(DecodeError, match="no plain numbers"):
        read_depth(_save(tmp_path / "a.npy", np.zeros((2, 2), dtype)), OPTIONS)


def _npy_header(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "shape",
    [
        "(1000000, 1000000)",
        "(-1, -1)",
        "(2, 2)",
        "(9" + "9" * 50 + ", 2)",
        "('a',)",
        "2",
        "((((" * 99,
    ],
)
def test_a_header_that_claims_what_is_not_there_is_refused(tmp_path: Path, shape: str) -> None:
    hostile = _npy_header(shape) + b"\0" * 8
    (tmp_path / "a.npy").write_bytes(hostile)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("depth.npy", hostile)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DecodeError):
            read_depth(tmp_path / name, OPTIONS)


def test_a_zip_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("depth.npy", "w", force_zip64=True) as member,
    ):
        member.write(_npy_header("(100000, 1000)"))
        for _ in range(400):
            member.write(bytes(1_000_000))
    with pytest.raises(DecodeError, match="over the limit"):
        read_depth(tmp_path / "a.npz", OPTIONS)


def test_giants_are_refused_before_they_are_allocated(tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.fromarray(MM).save(png, "PNG")
    giant = png.getvalue()[:16] + struct.pack(">II", 10**6, 10**6) + png.getvalue()[24:]
    (tmp_path / "a.png").write_bytes(giant)
    (tmp_path / "a.pfm").write_bytes(b"Pf\n1000000 1000000\n-1.0\n" + b"\0" * 16)
    tifffile.imwrite(tmp_path / "a.tif", MM)
    entry = struct.pack("<HHI", 257, 4, 1)
    tiff = bytearray((tmp_path / "a.tif").read_bytes())
    at = tiff.index(entry[:2] + tiff[tiff.index(struct.pack("<H", 257)) + 2 :][:2])
    tiff[at + 2 : at + 12] = struct.pack("<HII", 4, 1, 4_000_000_000)
    (tmp_path / "a.tif").write_bytes(tiff)
    for name in ("a.png", "a.pfm", "a.tif"):
        with pytest.raises(DecodeError):
            read_depth(tmp_path / name, OPTIONS)


@pytest.mark.parametrize(
    "header",
    [b"Pf", b"Pf\n3 x\n-1\n", b"Pf\n0 3\n-1\n", b"Pf\n2 2\nnan\n", b"PF\n1 1\n-1\n" + b"\0" * 12],
)
def test_a_broken_pfm_is_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "a.pfm").write_bytes(header)
    with pytest.raises(DecodeError):
        read_depth(tmp_path / "a.pfm", OPTIONS)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy", "a.npz", "a.pfm"])
def test_a_file_cut_anywhere_is_one_clear_error(tmp_path: Path, name: str) -> None:
    array = np.random.default_rng(0).integers(1, 60_000, (32, 32)).astype(np.uint16)
    whole = _save(tmp_path / name, array).read_bytes()
    pixels = 4096 if name == "a.pfm" else 2048
    for keep in (0, 1, 4, 9, len(whole) // 3, len(whole) - pixels // 2, len(whole) - pixels):
        (tmp_path / name).write_bytes(whole[:keep])
        with pytest.raises((DecodeError, UnsupportedMedia)):
            read_depth(tmp_path / name, OPTIONS)


@pytest.mark.parametrize("layout", [{"rowsperstrip": 4}, {"tile": (16, 16)}, {"bigtiff": True}])
def test_a_tiff_in_pieces_is_read_whole_or_not_at_all(
    tmp_path: Path, layout: dict[str, Any]
) -> None:
    array = np.random.default_rng(0).integers(1, 60_000, (40, 40)).astype(np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, **layout)
    np.testing.assert_array_equal(
        read_depth(path, MediaOptions(depth_scale_m=1.0)).metres, array.astype(np.float32)
    )
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DecodeError):
        read_depth(path, OPTIONS)


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_few_wrong_bytes_never_crash(tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["a.png", "a.tif", "a.npy", "a.npz", "a.pfm"]))
    content = bytearray(_save(tmp_path / name, MM).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(content)
    try:
        read_depth(tmp_path / name, OPTIONS)
    except (DecodeError, UnsupportedMedia) as error:
        assert "\n" not in str(error)


def test_a_missing_file_and_a_foreign_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="No such file"):
        read_depth(tmp_path / "a.png", OPTIONS)
    (tmp_path / "a.png").write_bytes(b"<html></html>")
    with pytest.raises(UnsupportedMedia, match="not a png"):
        read_depth(tmp_path / "a.png", OPTIONS)
