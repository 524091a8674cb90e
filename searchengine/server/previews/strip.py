"""A video at a glance: frames side by side, each with its time."""

from __future__ import annotations

from PIL import Image

from searchengine.server.previews.sheet import WIDTH, Box, Preview, Sheet
from searchengine.server.previews.ticks import clock
from searchengine.types import Frames

#: Frames of a strip.
COUNT = 5

_GAP, _CORNER, _LABELS = 3.0, 2.0, 16.0
#: A tall frame is made narrower rather than the strip taller than this.
_TALLEST = 200.0


def draw_strip(frames: Frames, size_px: int) -> Preview:
    """``frames`` in order, of which there may be fewer than COUNT."""
    count, height_px, width_px = frames.pixels.shape[:3]
    cell = (WIDTH - (COUNT - 1) * _GAP) / COUNT
    shrunk = min(cell / max(width_px, 1), _TALLEST / max(height_px, 1))
    width, height = shrunk * width_px, max(1.0, shrunk * height_px)
    sheet = Sheet(size_px, height + _LABELS)
    for place in range(min(count, COUNT) if frames.pixels.size else 0):
        left = place * (cell + _GAP) + (cell - width) / 2
        frame = Image.fromarray(frames.pixels[place])
        sheet.picture(frame, Box(left, 0, left + width, height), _CORNER)
        said = clock(float(frames.times_s[place]))
        sheet.text(left + width / 2, height + 4, said, anchor="ma")
    return sheet.preview(lossless=False)
