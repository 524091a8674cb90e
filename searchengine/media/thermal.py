"""Infrared frames to temperatures, or to shades where the file holds no temperatures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from searchengine.errors import DecodeError
from searchengine.media.flir import read_flir
from searchengine.media.options import MediaOptions
from searchengine.media.rasters import Raster, read_raster
from searchengine.types import FloatArray, ThermalImage, ThermalUnit

#: What a thermal camera can measure lies well within this (-150 to 3700 degrees Celsius); a
#: frame whose median does not is in another unit.
PLAUSIBLE_K = (123.0, 4000.0)

#: How far apart the channels of a grey jpeg may drift by its compression, of 255.
GREY_TOLERANCE = 8


def read_thermal(path: Path, options: MediaOptions) -> ThermalImage:
    """Decode a thermal frame from jpeg, png, bmp, tiff, npy or npz (array "thermal").

    What the values are, in order:

    - A FLIR radiometric jpeg: kelvin, by the camera's own calibration.
    - 8-bit grey: relative, 0 to 255 as [0, 1]; the camera chose the range and did not say it.
    - Wider integers: kelvin, ``value * thermal_scale_k + thermal_offset_k``, when
      ``options`` has a scale; else relative, the frame's own range as [0, 1], since raw counts
      fill a small, unknown part of their 16 bits.
    - Floats: with a scale the same; without one relative when all are within [0, 1], else
      kelvin as they stand.

    Raises DecodeError for false colours, which are no temperatures; for NaN or infinity; for
    kelvin that cannot be (Celsius, or a wrong scale); and for whatever ``read_raster`` refuses.
    """
    radiometric = read_flir(path)
    if radiometric is not None:
        return _kelvin(path, radiometric)
    raster = _grey(path, read_raster(path, "thermal"))
    if raster.dtype.kind == "b":
        raise DecodeError(str(path), "black and white, without shades between")
    if raster.dtype.itemsize == 1:
        return ThermalImage(_unit_range(raster, 0, 255), ThermalUnit.RELATIVE)
    if raster.dtype.kind == "f":
        _check_finite(path, raster)
    if options.thermal_scale_k is not None:
        with np.errstate(over="ignore"):
            kelvin = raster * np.float64(options.thermal_scale_k) + options.thermal_offset_k
            return _kelvin(path, kelvin.astype(np.float32))
    low, high = float(raster.min()), float(raster.max())
    if raster.dtype.kind != "f":
        return ThermalImage(_unit_range(raster, low, high), ThermalUnit.RELATIVE)
    if low >= 0 and high <= 1:
        return ThermalImage(raster.astype(np.float32), ThermalUnit.RELATIVE)
    with np.errstate(over="ignore"):
        return _kelvin(path, raster.astype(np.float32))


def _grey(path: Path, raster: Raster) -> Raster:
    """One channel of a picture whose three are alike."""
    if raster.ndim == 2:
        return raster
    spread = raster.max(axis=2) - raster.min(axis=2)
    if int(spread.max()) > GREY_TOLERANCE:
        raise DecodeError(
            str(path),
            "false colours are not temperatures; export the frame in grey (white hot) or as "
            "radiometric jpeg or tiff, or index it as an image",
        )
    return raster[..., 1]  # green, the nearest to the luminance that was compressed


def _unit_range(raster: Raster, low: float, high: float) -> FloatArray:
    span = max(high - low, 1.0)
    return ((raster - np.float64(low)) / span).astype(np.float32)


def _check_finite(path: Path, values: npt.NDArray[np.floating]) -> None:
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise DecodeError(
            str(path), f"{bad} of {values.size} values are no temperature (NaN or infinite)"
        )


def _kelvin(path: Path, values: FloatArray) -> ThermalImage:
    _check_finite(path, values)
    low, high = PLAUSIBLE_K
    median = float(np.median(values))
    if not low <= median <= high or float(values.min()) < 0:
        raise DecodeError(
            str(path),
            f"half of it is below {median:.4g} K and its lowest is {values.min():.4g} K, which "
            "are no temperatures; set thermal_scale_k and thermal_offset_k so that value * scale "
            "+ offset is kelvin (1 and 273.15 for Celsius)",
        )
    return ThermalImage(values, ThermalUnit.KELVIN)
