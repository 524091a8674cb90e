"""Sound over time: how far it swings, and how loud it is."""

from __future__ import annotations

import math

import numpy as np

from searchengine.server.previews.colours import BLUE, FAINT, PALE_BLUE
from searchengine.server.previews.sheet import WIDTH, Box, Preview, Sheet
from searchengine.server.previews.ticks import number, time_ticks
from searchengine.types import FloatArray, Waveform

_HEIGHT, _LABELS = 104.0, 17.0
#: Room at the right of the axis for the peak.
_PEAK_WIDTH = 62.0
#: Below this nothing is heard: the rounding of 16-bit samples.
_SILENCE = 2.0**-16


def draw_waveform(
    sound: Waveform, size_px: int, start_s: float = 0.0, *, axis: bool = True
) -> Preview:
    """All channels in one: the extremes pale, the root mean square solid.

    The loudest sample fills the height, and the axis says how loud that is, in decibels of
    full scale. ``start_s`` is where the sound begins in its file. Without ``axis`` there is
    nothing but the wave, so that it can be stretched or serve as a mask.
    """
    samples = heard(sound)
    box = Box(0, 0, WIDTH, _HEIGHT - _LABELS)
    sheet = Sheet(size_px, _HEIGHT if axis else box.height)
    peak = float(np.abs(samples).max(initial=0.0))
    middle = box.height / 2
    sheet.line([(0, middle), (WIDTH, middle)], BLUE if peak < _SILENCE else FAINT)
    if peak >= _SILENCE:
        low, high, loud = _swing(samples / peak, 2 * size_px)
        for top, bottom, colour in ((high, low, PALE_BLUE), (loud, -loud, BLUE)):
            _fill(sheet, box, top, bottom, colour)
    if axis:
        _axis(sheet, box, peak, start_s, start_s + sound.duration_s)
    return sheet.preview(lossless=True)


def _axis(sheet: Sheet, box: Box, peak: float, start_s: float, end_s: float) -> None:
    """Times, as far as the peak at the right leaves room for them."""
    room_s = (end_s - start_s) * (1 - (_PEAK_WIDTH + 16) / WIDTH)
    marks = [mark for mark in time_ticks(start_s, end_s, 5) if mark.value - start_s < room_s]
    sheet.time_axis(box, marks, start_s, end_s)
    sheet.text(WIDTH, box.bottom + 4, _peak(peak), anchor="ra")


def heard(sound: Waveform) -> FloatArray:
    """Samples (channels, n), at least one of them: what is no number is silent."""
    known = np.nan_to_num(sound.samples, posinf=0.0, neginf=0.0)
    return known if known.size else np.zeros((1, 1), np.float32)


def _peak(peak: float) -> str:
    return "silence" if peak < _SILENCE else f"peak {number(20 * math.log10(peak), 0)} dB"


def _swing(samples: FloatArray, columns: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lowest, highest and root mean square (columns,) of ``samples`` (channels, n)."""
    count = samples.shape[1]
    edges = np.linspace(0, count, min(columns, count), endpoint=False).astype(np.intp)
    low = np.minimum.reduceat(samples.min(axis=0), edges)
    high = np.maximum.reduceat(samples.max(axis=0), edges)
    power = np.add.reduceat((samples**2).mean(axis=0), edges)
    lengths = np.diff(edges, append=count)
    return low, high, np.sqrt(power / lengths).astype(np.float32)


def _fill(
    sheet: Sheet,
    box: Box,
    top: FloatArray,
    bottom: FloatArray,
    colour: tuple[int, int, int, int],
) -> None:
    """Between two curves of heights in [-1, 1], never thinner than a hair."""
    middle, half = box.height / 2, box.height / 2 - 1
    x = np.linspace(box.left, box.right, len(top))
    above = np.minimum(middle - top * half, middle - 0.4)
    below = np.maximum(middle - bottom * half, middle + 0.4)
    outline = [*zip(x, above, strict=True), *zip(x[::-1], below[::-1], strict=True)]
    sheet.shape([(float(a), float(b)) for a, b in outline], colour)
