"""Depth and infrared in colours, over a bar that says what the colours mean."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from searchengine.server.previews.colours import FAINT, HEAT, INK, NEARNESS, DoubleArray, Ramp
from searchengine.server.previews.sheet import WIDTH, Box, Preview, Sheet
from searchengine.server.previews.ticks import Tick, number, ticks
from searchengine.types import DepthMap, ThermalImage, ThermalUnit

_GAP, _BAR, _LABELS, _CORNER = 7.0, 7.0, 16.0, 3.0
#: The picture and its bar together are no taller than wide.
_TALLEST = WIDTH - _GAP - _BAR - _LABELS
#: A few odd pixels shall not take the colours from all others: they get those at the ends.
_ENDS_PERCENT = (1.0, 99.0)

KELVIN_AT_0_C = 273.15


def draw_depth(depth: DepthMap, size_px: int) -> Preview:
    """Near is light. Where nothing was measured is a faint grey."""
    valid = depth.valid & np.isfinite(depth.metres)
    return _draw(depth.metres, valid, NEARNESS, "m", size_px)


def draw_thermal(image: ThermalImage, size_px: int) -> Preview:
    """Hot is light. Kelvin are shown as degrees Celsius."""
    valid = np.isfinite(image.values)
    if image.unit is ThermalUnit.KELVIN:
        return _draw(image.values - KELVIN_AT_0_C, valid, HEAT, "°C", size_px)
    return _draw(image.values, valid, HEAT, "relative", size_px)


def _draw(
    values: npt.NDArray[np.floating],
    valid: npt.NDArray[np.bool_],
    ramp: Ramp,
    unit: str,
    size_px: int,
) -> Preview:
    """``values`` and ``valid`` (h, w), over a bar from the lowest to the highest."""
    step = max(1, max(values.shape) // (4 * size_px))  # of huge maps, no more than can be seen
    wide, valid = values[::step, ::step].astype(np.float64), valid[::step, ::step]
    height_px, width_px = wide.shape
    shrunk = min(WIDTH / max(width_px, 1), _TALLEST / max(height_px, 1))
    width, height = max(1.0, shrunk * width_px), max(1.0, shrunk * height_px)
    sheet = Sheet(size_px, height + _GAP + _BAR + _LABELS)
    left = (WIDTH - width) / 2
    if not valid.any():
        sheet.text(WIDTH / 2, height + _GAP + _BAR, "nothing measured", anchor="ma")
        return sheet.preview(lossless=False)
    low, high = (float(end) for end in np.percentile(wide[valid], _ENDS_PERCENT))
    picture = _coloured((wide - low) / max(high - low, 1e-9), valid, ramp)
    sheet.picture(picture, Box(left, 0, left + width, height), _CORNER)
    _bar(sheet, Box(0, height + _GAP, WIDTH, height + _GAP + _BAR), ramp, low, high, unit)
    return sheet.preview(lossless=False)


def _coloured(levels: DoubleArray, valid: npt.NDArray[np.bool_], ramp: Ramp) -> Image.Image:
    rgb = ramp(np.where(valid, levels, 0))
    opaque = np.full((*levels.shape, 1), 255, np.uint8)
    known = np.concatenate([rgb, opaque], axis=-1)
    return Image.fromarray(np.where(valid[..., None], known, np.array(FAINT, np.uint8)))


def _bar(sheet: Sheet, box: Box, ramp: Ramp, low: float, high: float, unit: str) -> None:
    """One value everywhere has one colour and one mark."""
    flat = high - low <= 1e-6 * max(abs(low), abs(high))
    levels = np.zeros((1, 512)) if flat else np.linspace(0, 1, 512)[None]
    sheet.picture(Image.fromarray(ramp(levels)), box, radius=_BAR / 2)
    marks = [Tick(low, number(low, 2))] if flat else ticks(low, high, 5)
    for place, mark in enumerate(marks):
        share = 0.5 if flat else (mark.value - low) / (high - low)
        x = box.left + share * box.width
        sheet.line([(x, box.bottom), (x, box.bottom + 2.5)], INK)
        said = f"{mark.label} {unit}" if place == len(marks) - 1 else mark.label
        sheet.text(x, box.bottom + 4, said, anchor="ma")
