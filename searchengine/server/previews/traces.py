"""A motion recording as six lines: three accelerations, three turning rates."""

from __future__ import annotations

import numpy as np

from searchengine.server.previews.colours import AXES, FAINT, DoubleArray
from searchengine.server.previews.sheet import WIDTH, Box, Preview, Sheet
from searchengine.server.previews.ticks import ticks, time_ticks
from searchengine.types import FloatArray, ImuRecording

_HEIGHT, _LABELS, _MARGIN, _TITLE = 196.0, 17.0, 30.0, 15.0
_LINE = 1.1


def draw_traces(recording: ImuRecording, size_px: int, start_s: float = 0.0) -> Preview:
    """Each sensor has a scale of its own. Readings that are no numbers leave a gap."""
    sheet = Sheet(size_px, _HEIGHT)
    half = (_HEIGHT - _LABELS) / 2
    upper = Box(_MARGIN, _TITLE, WIDTH, half - 4)
    lower = Box(_MARGIN, half + _TITLE, WIDTH, 2 * half - 2)
    end = _panel(sheet, upper, "acceleration, m/s", recording.accel_m_s2)
    sheet.text(end + 0.5, upper.top - 8, "2", anchor="ls", size=7)  # the font has no raised two
    _panel(sheet, lower, "turning rate, rad/s", recording.gyro_rad_s)
    end_s = start_s + recording.duration_s
    sheet.time_axis(lower, time_ticks(start_s, end_s, 5), start_s, end_s)
    return sheet.preview(lossless=True)


def _panel(sheet: Sheet, box: Box, title: str, readings: FloatArray) -> float:
    """``readings`` (n, 3); returns where the title ends."""
    end = sheet.text(box.left, box.top - 4, title, anchor="ls")
    for axis, name in enumerate("xyz"):
        x = box.right - 26 + 13 * axis
        sheet.text(x, box.top - 4, name, anchor="rs", colour=AXES[axis])
    wide = readings.astype(np.float64)
    low, high = _range(wide[np.isfinite(wide)])
    marks = ticks(low, high, 3)
    for mark in marks if len(marks) > 1 else ticks(low, high, 6):
        y = box.bottom - (mark.value - low) / (high - low) * box.height
        sheet.line([(box.left, y), (box.right, y)], FAINT, 0.6)
        sheet.text(box.left - 4, y, mark.label, anchor="rm")
    for axis in range(3):
        heights = box.bottom - (wide[:, axis] - low) / (high - low) * box.height
        _trace(sheet, box, heights, axis)
    return end


def _range(finite: DoubleArray) -> tuple[float, float]:
    """From the lowest to the highest with some air, and never nothing."""
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    air = max(0.06 * (high - low), 0.01 * max(abs(low), abs(high)), 0.05)
    return low - air, high + air


def _trace(sheet: Sheet, box: Box, heights: DoubleArray, axis: int) -> None:
    count = len(heights)
    finite = np.flatnonzero(np.isfinite(heights))
    gaps = np.flatnonzero(np.diff(finite) > 1) + 1
    for run in np.split(finite, gaps) if finite.size else ():
        at, y = _thinned(run.astype(np.float64), heights[run], count, box)
        x = box.left + at / max(count - 1, 1) * box.width
        points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
        sheet.line(points if len(points) > 1 else [points[0], points[0]], AXES[axis], _LINE)


def _thinned(
    at: DoubleArray, y: DoubleArray, count: int, box: Box
) -> tuple[DoubleArray, DoubleArray]:
    """Of each stretch that is narrower than can be seen, its lowest and highest only."""
    stretch = int(count / (box.width * 4)) + 1
    if stretch < 3:
        return at, y
    edges = np.arange(0, len(y), stretch)
    both = np.stack([np.minimum.reduceat(y, edges), np.maximum.reduceat(y, edges)], axis=1)
    return np.repeat(at[edges], 2), both.ravel()
