"""Sound as pitch over time."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from searchengine.server.previews.colours import LOUDNESS, DoubleArray
from searchengine.server.previews.sheet import WIDTH, Box, Preview, Sheet
from searchengine.server.previews.ticks import time_ticks
from searchengine.server.previews.waveform import heard
from searchengine.types import Waveform

_HEIGHT, _LABELS, _MARGIN = 160.0, 17.0, 30.0
#: Long enough to part the partials of a voice, short enough to show its syllables.
_WINDOW_S = 0.046
#: From the loudest down to what is drawn as silence.
_RANGE_DB = 75.0
#: Pitches below are hardly heard; those above hold little.
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 16_000.0
_MARKS_HZ = {100: "100", 1_000: "1k", 4_000: "4k", 10_000: "10k"}


def draw_spectrogram(sound: Waveform, size_px: int, start_s: float = 0.0) -> Preview:
    """Every octave is as high as every other; colours are decibels below the loudest moment."""
    sheet, box = Sheet(size_px, _HEIGHT), Box(_MARGIN, 3, WIDTH, _HEIGHT - _LABELS)
    highest_hz = max(min(_HIGHEST_HZ, sound.rate_hz / 2), 2 * _LOWEST_HZ)
    levels = _levels(sound, round(box.width * 2), round(box.height * 2), highest_hz)
    sheet.picture(Image.fromarray(LOUDNESS(levels)), box, radius=2)
    for hertz, label in _MARKS_HZ.items():
        height = math.log(hertz / _LOWEST_HZ) / math.log(highest_hz / _LOWEST_HZ)
        if height <= 1:
            y = box.bottom - height * box.height
            sheet.text(box.left - 4, y, label, anchor="rm")
    sheet.text(box.left - 4, box.bottom, "Hz", anchor="rs")
    end_s = start_s + sound.duration_s
    sheet.time_axis(box, time_ticks(start_s, end_s, 5), start_s, end_s)
    return sheet.preview(lossless=False)


def _levels(sound: Waveform, columns: int, rows: int, highest_hz: float) -> DoubleArray:
    """(rows, columns) in [0, 1], the highest pitch first."""
    mono = heard(sound).mean(axis=0, dtype=np.float64)
    decibels, bins_hz = _decibels(mono, sound.rate_hz, columns)
    wanted_hz = np.geomspace(highest_hz, _LOWEST_HZ, rows)
    place = np.interp(wanted_hz, bins_hz, np.arange(len(bins_hz)))
    lower = np.minimum(place.astype(np.intp), len(bins_hz) - 2)
    share = (place - lower)[:, None]
    rising = decibels[lower] * (1 - share) + decibels[lower + 1] * share
    return np.asarray(np.clip(1 + rising / _RANGE_DB, 0, 1))


def _decibels(mono: DoubleArray, rate_hz: int, columns: int) -> tuple[DoubleArray, DoubleArray]:
    """Below the loudest, (bins, about ``columns``), and the bins' pitches in hertz."""
    window = max(16, round(_WINDOW_S * rate_hz))
    padded = np.pad(mono, (0, max(0, window - len(mono))))
    hop = max(1, math.ceil(len(padded) / columns))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    power: DoubleArray = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1).T) ** 2
    bins_hz = np.fft.rfftfreq(window, 1 / rate_hz).astype(np.float64)
    loudest = float(power.max())
    below: DoubleArray = power / loudest if loudest > 1e-12 else np.zeros_like(power)
    return np.asarray(10 * np.log10(below + 1e-12)), bins_hz
