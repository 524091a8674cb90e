"""Depth maps to metres."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from searchengine.errors import DecodeError
from searchengine.media.options import MediaOptions
from searchengine.media.rasters import read_raster
from searchengine.types import DepthMap


def read_depth(path: Path, options: MediaOptions) -> DepthMap:
    """Decode a depth map from a 16-bit png, tiff, npy, npz (array "depth"), pfm or exr.

    Integers count units of ``options.depth_scale_m``; floats are metres as they stand. Zero,
    negative, NaN and infinite values are where the sensor saw nothing: not ``valid``, 0 m.

    Raises DecodeError for a picture of 8 bits or in colour, which has shades but no metres; for
    a map with nothing valid in it; and for whatever ``read_raster`` refuses.
    """
    raster = read_raster(path, "depth")
    if raster.ndim == 3 or raster.dtype.itemsize == 1:
        kind = "in colour" if raster.ndim == 3 else "of 8 bits"
        raise DecodeError(
            str(path),
            f"a picture {kind} shows depth but holds no metres; depth is read from 16-bit "
            "integers (png, tiff, npy) or floats in metres (tiff, npy, pfm, exr)",
        )
    scale = 1.0 if raster.dtype.kind == "f" else options.depth_scale_m
    with np.errstate(over="ignore", invalid="ignore"):
        metres = np.multiply(raster, scale, dtype=np.float32, casting="same_kind")
    valid = np.isfinite(metres) & (metres > 0)
    if not valid.any():
        raise DecodeError(str(path), "no depth in it: every pixel is zero, negative or not finite")
    return DepthMap(np.where(valid, metres, np.float32(0)), valid)
