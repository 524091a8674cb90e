"""Temperatures inside FLIR's radiometric jpegs.

Beside the picture people see, these hold the sensor's raw 16-bit values and the camera's
calibration, in a file of FLIR's own (FFF) cut into APP1 segments. Its layout is not published
by FLIR; this follows the tables of ExifTool's documentation (exiftool.org/TagNames/FLIR.html).
"""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from searchengine.errors import DecodeError
from searchengine.media.rasters import check_pixels
from searchengine.types import FloatArray

RAW_DATA = 0x01
CAMERA_INFO = 0x20


@dataclass(frozen=True, slots=True)
class Calibration:
    """Planck constants of one camera, and what it assumed of the scene (kelvin)."""

    emissivity: float
    reflected_k: float
    r1: float
    b: float
    f: float
    o: float
    r2: float

    def kelvin(self, raw: npt.NDArray[Any]) -> FloatArray:
        """Temperature of the surface behind each raw value; NaN where there can be none.

        Planck's law with the camera's constants, ``T = B / ln(R1 / (R2 (S + O)) + F)``, after
        the reflected share ``(1 - emissivity)`` is taken from the signal. The air and a window
        between are not corrected for: at a few metres that is tenths of a kelvin.
        """
        with np.errstate(all="ignore"):
            reflected = self.r1 / (self.r2 * (np.exp(self.b / self.reflected_k) - self.f)) - self.o
            signal = (raw - (1 - self.emissivity) * reflected) / self.emissivity
            kelvin = self.b / np.log(self.r1 / (self.r2 * (signal + self.o)) + self.f)
        return np.where(np.isfinite(kelvin) & (kelvin > 0), kelvin, np.nan).astype(np.float32)


def read_flir(path: Path) -> FloatArray | None:
    """Kelvin, float32 (h, w), of a radiometric jpeg; None for a file that is not one.

    Raises DecodeError when FLIR's segments are there but broken.
    """
    fff = _join_segments(path)
    if not fff:
        return None
    try:
        records = _records(fff)
        raw = _raw(path, records[RAW_DATA])
        return _calibration(records[CAMERA_INFO]).kelvin(raw)
    except KeyError as error:
        missing = "raw values" if error.args == (RAW_DATA,) else "calibration"
        raise DecodeError(str(path), f"its FLIR segments hold no {missing}") from error
    except (struct.error, ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DecodeError(str(path), f"its FLIR segments are broken ({error})") from error


def _join_segments(path: Path) -> bytes:
    """The parts in APP1 segments ``FLIR\\0, 1, number, last number``, in order.

    At most 256 parts of 64 kB can be numbered, so this is bounded by the format.
    """
    parts: dict[int, bytes] = {}
    try:
        with path.open("rb") as file:
            if file.read(2) != b"\xff\xd8":
                return b""
            while len(head := file.read(4)) == 4:
                marker, length = struct.unpack(">HH", head)
                if marker >> 8 != 0xFF or marker == 0xFFDA or length < 2:  # FFDA: pixels begin
                    break
                body = file.read(length - 2)
                if marker == 0xFFE1 and body.startswith(b"FLIR\0") and len(body) > 8:
                    parts[body[6]] = body[8:]
    except OSError as error:
        raise DecodeError(str(path), f"cannot be opened ({error.strerror})") from error
    return b"".join(parts[number] for number in sorted(parts))


def _records(fff: bytes) -> dict[int, bytes]:
    """The records by type; of several the first. The version, 100 to 199, tells the byte order."""
    if fff[:4] not in (b"FFF\0", b"AFF\0"):
        raise ValueError("no FFF header")
    order = next((o for o in "><" if 100 <= struct.unpack_from(f"{o}I", fff, 0x14)[0] < 200), None)
    if order is None:
        raise ValueError("unknown FFF version")
    start, count = struct.unpack_from(f"{order}II", fff, 0x18)
    records: dict[int, bytes] = {}
    for entry in range(start, min(start + 32 * count, len(fff)), 32):
        kind, offset, length = struct.unpack_from(f"{order}H10xII", fff, entry)
        if offset + length > len(fff):
            raise ValueError("cut short")
        records.setdefault(kind, fff[offset : offset + length])
    return records


def _order(record: bytes) -> str:
    """A record begins with the number 2 (or another below 256) in its own byte order."""
    return "<" if struct.unpack_from("<H", record)[0] < 256 else ">"


def _raw(path: Path, record: bytes) -> npt.NDArray[Any]:
    order = _order(record)
    width, height = struct.unpack_from(f"{order}HH", record, 2)
    check_pixels(path, width, height)
    pixels = record[32:]
    if pixels.startswith(b"\x89PNG"):
        return _raw_png(path, pixels)
    if len(pixels) < 2 * width * height:
        raise ValueError("cut short")
    return np.frombuffer(pixels, f"{order}u2", width * height).reshape(height, width)


def _raw_png(path: Path, pixels: bytes) -> npt.NDArray[Any]:
    """Most cameras write the two bytes of a png's value swapped: the smoother way is right."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(BytesIO(pixels), formats=("PNG",)) as picture:
            check_pixels(path, *picture.size)
            raw = np.asarray(picture).astype(np.uint16)
    if raw.ndim != 2:
        raise ValueError("raw values in colour")
    return min(raw, raw.byteswap(), key=_roughness)


def _roughness(raw: npt.NDArray[Any]) -> float:
    return float(np.abs(np.diff(raw.astype(np.int32), axis=1)).mean()) if raw.shape[1] > 1 else 0.0


def _calibration(record: bytes) -> Calibration:
    order = _order(record)
    emissivity, _, reflected_k = struct.unpack_from(f"{order}3f", record, 0x20)
    r1, b, f = struct.unpack_from(f"{order}3f", record, 0x58)
    o, r2 = struct.unpack_from(f"{order}if", record, 0x308)
    if not (0 < emissivity <= 1 and reflected_k > 0 and r1 > 0 and b > 0 and r2 > 0):
        raise ValueError("the calibration is not one")
    return Calibration(emissivity, reflected_k, r1, b, f, o, r2)
