"""Grids of one measurement a pixel, from whichever container: what depth and thermal share."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from searchengine.errors import DecodeError, UnsupportedMedia
from searchengine.media.arrays import array_names, read_array
from searchengine.media.image import MAX_PIXELS

#: A render with passes has some dozens; all are decoded to reach Z.
MAX_EXR_CHANNELS = 64

Raster = npt.NDArray[Any]

#: ``Pf``, width, height, scale, and one line end (P. Debevec, "PFM Portable FloatMap").
_PFM = re.compile(rb"\A(P[Ff])\s+(\d{1,9})\s+(\d{1,9})\s+([-+]?[\d.]+(?:[eE][-+]?\d+)?)(?:\r\n|\s)")


def read_raster(path: Path, name: str) -> Raster:
    """Decode a png, jpeg, bmp, tiff, npy, npz, pfm or exr as the numbers that are in it.

    (h, w) bool, integer or float; a picture in colour is uint8 (h, w, 3). The container is
    told by its first bytes. Of a ``.npz`` the array ``name`` is taken, or its first; of an exr
    the channel Z, or its only one; of a tiff the first page.

    Raises DecodeError when the file is broken, of another shape or larger than ``MAX_PIXELS``;
    UnsupportedMedia when it is none of these, or an exr and OpenEXR is not installed.
    """
    raster = _read(path, name)
    if raster.ndim == 3 and raster.shape[-1] == 1:
        raster = raster[..., 0]
    elif raster.ndim == 3 and raster.shape[0] == 1:
        raster = raster[0]
    in_colour = raster.ndim == 3 and raster.shape[-1] == 3 and raster.dtype == np.uint8
    if raster.size == 0 or not (raster.ndim == 2 or in_colour):
        raise DecodeError(str(path), f"shape {raster.shape} is not one value a pixel, (h, w)")
    return raster


def _read(path: Path, name: str) -> Raster:
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise DecodeError(str(path), f"cannot be opened ({error.strerror})") from error
    if start.startswith(b"\x93NUMPY"):
        return read_array(path, None, MAX_PIXELS)
    if start.startswith(b"PK"):
        names = array_names(path)
        return read_array(path, name if name in names else next(iter(names), name), MAX_PIXELS)
    if start[:2] in (b"II", b"MM"):
        return _read_tiff(path)
    if start[:2] in (b"Pf", b"PF"):
        return _read_pfm(path)
    if start.startswith(b"\x76\x2f\x31\x01"):
        return _read_exr(path)
    if start.startswith((b"\x89PNG", b"\xff\xd8", b"BM")):
        return _read_pillow(path)
    raise UnsupportedMedia(str(path), "not a png, jpeg, bmp, tiff, npy, npz, pfm or exr file")


def check_pixels(path: Path, width: int, height: int) -> None:
    """Raises DecodeError for more than ``MAX_PIXELS``, or none."""
    if not 0 < width * height <= MAX_PIXELS:
        limit = MAX_PIXELS // 10**6
        raise DecodeError(str(path), f"{width} x {height} pixels is not within 1 and {limit} MP")


def _read_pillow(path: Path) -> Raster:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("PNG", "JPEG", "BMP", "TIFF")) as picture:
                check_pixels(path, *picture.size)
                picture.load()
                return _as_stored(picture)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise DecodeError(str(path), f"not a readable picture ({error})") from error


def _as_stored(picture: Image.Image) -> Raster:
    if picture.mode in ("L", "F", "I") or picture.mode.startswith("I;16"):
        stored = np.asarray(picture)
        return stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if picture.mode in ("1", "LA"):
        return np.asarray(picture.convert("L"))
    return np.asarray(picture.convert("RGB"))


def _read_tiff(path: Path) -> Raster:
    """Plain pixels by tifffile, of every dtype; compressed ones by libtiff, which bounds them."""
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            check_pixels(path, page.imagewidth, page.imagelength)
            if page.compression == tifffile.COMPRESSION.NONE:
                _check_plain(page, path.stat().st_size)
                return page.asarray()
    except DecodeError:
        raise
    except Exception as error:  # tifffile lets whatever a hostile tag causes through
        raise DecodeError(str(path), f"not a readable tiff ({error})") from error
    return _read_pillow(path)


def _check_plain(page: tifffile.TiffPage, size_bytes: int) -> None:
    """tifffile would fill what is missing with zeros."""
    if page.dtype is None or page.dtype.kind not in "biuf" or page.size > 4 * MAX_PIXELS:
        raise ValueError(f"pixels of {page.dtype} in shape {page.shape}")
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    held = sum(max(count, 0) for start, count in parts if 0 < start <= size_bytes - count)
    if held < page.size * page.bitspersample // 8 or held < sum(page.databytecounts):
        raise ValueError("cut short")


def _read_pfm(path: Path) -> Raster:
    """One float32 channel, rows from the bottom up; the sign of the scale is the byte order."""
    with path.open("rb") as file:
        match = _PFM.match(file.read(256))
        if match is None:
            raise DecodeError(str(path), "not a readable pfm (the header is broken)")
        kind, width, height = match[1], int(match[2]), int(match[3])
        if kind == b"PF":
            raise DecodeError(str(path), "a pfm in colour (PF); one channel (Pf) is needed")
        check_pixels(path, width, height)
        file.seek(match.end())
        rows = file.read(4 * width * height)
    if len(rows) < 4 * width * height:
        raise DecodeError(
            str(path), f"cut short: {width} x {height} needs {4 * width * height} bytes"
        )
    values = np.frombuffer(rows, "<f4" if match[4].startswith(b"-") else ">f4")
    return values.reshape(height, width)[::-1].astype(np.float32)


def _read_exr(path: Path) -> Raster:
    try:
        OpenEXR = importlib.import_module("OpenEXR")  # an extra, and without types
    except ImportError as error:
        raise UnsupportedMedia(
            str(path), "reading exr needs OpenEXR: pip install 'searchengine[depth-exr]'"
        ) from error
    try:
        # OpenEXR prints warnings to stdout, which is kept for results.
        with contextlib.redirect_stdout(sys.stderr):
            with OpenEXR.File(str(path), header_only=True) as file:
                header = file.header()
                low, high = header["dataWindow"]
                check_pixels(path, *(int(b) - int(a) + 1 for a, b in zip(low, high, strict=True)))
                if len(header["channels"]) > MAX_EXR_CHANNELS:
                    raise ValueError(f"{len(header['channels'])} channels")
            with OpenEXR.File(str(path), separate_channels=True) as file:
                if not file.parts:
                    raise ValueError("its pixels are cut short or broken")
                channels = {name: channel.pixels for name, channel in file.channels().items()}
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise DecodeError(str(path), f"not a readable exr ({error})") from error
    if "Z" not in channels and len(channels) != 1:
        raise DecodeError(str(path), f"no channel Z among {', '.join(sorted(channels))}")
    return np.asarray(channels.get("Z", next(iter(channels.values()))))
