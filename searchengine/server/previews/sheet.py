"""What previews are drawn on."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from searchengine.server.previews.colours import FAINT, INK, Rgba
from searchengine.server.previews.ticks import Tick

#: A sheet is this many units across, whatever its size in pixels: larger is only sharper.
WIDTH = 320.0

#: Drawn so many times as large, then reduced: that smooths edges.
_FINER = 3

TEXT_SIZE = 10.5
#: Smaller letters cannot be read, and are left out.
_LEAST_TEXT_PX = 6.0

#: Of lossy WebP, where photographs show no blocks.
_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Preview:
    """What is sent: WebP, or a passage as text in UTF-8."""

    content: bytes
    mime_type: str = "image/webp"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a sheet, in units from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


class Sheet:
    """Transparent, WIDTH by ``height`` units; the result is ``size_px`` across."""

    def __init__(self, size_px: int, height: float) -> None:
        self.height = height
        self._size_px = size_px
        self.scale = _FINER * size_px / WIDTH
        size = (_FINER * size_px, max(_FINER, round(height * self.scale)))
        # see-through ink, not black: the edges of letters are mixed with what is below
        self._image = Image.new("RGBA", size, (*INK[:3], 0))
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: list[tuple[float, float]], colour: Rgba, width: float = 1.0) -> None:
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        thickness = max(1, round(width * self.scale))
        self._draw.line(scaled, colour, thickness, joint="curve")

    def shape(self, points: list[tuple[float, float]], colour: Rgba) -> None:
        self._draw.polygon([(x * self.scale, y * self.scale) for x, y in points], colour)

    def text(
        self,
        x: float,
        y: float,
        said: str,
        *,
        anchor: str = "la",
        colour: Rgba = INK,
        size: float = TEXT_SIZE,
    ) -> float:
        """Where the text ends, in units. ``anchor`` as Pillow has it; letters stay on the sheet."""
        if TEXT_SIZE * self.scale / _FINER < _LEAST_TEXT_PX:
            return x
        font = _font(round(size * self.scale))
        at = (x * self.scale, y * self.scale)
        left, _, right, _ = self._draw.textbbox(at, said, font=font, anchor=anchor)
        moved = -min(0.0, left) - max(0.0, right - self._image.width)
        self._draw.text((at[0] + moved, at[1]), said, colour, font, anchor)
        return float(right + moved) / self.scale

    def picture(self, picture: Image.Image, box: Box, radius: float = 0.0) -> None:
        """Fill ``box`` with a picture, its corners rounded."""
        left, top = round(box.left * self.scale), round(box.top * self.scale)
        size = (max(1, round(box.width * self.scale)), max(1, round(box.height * self.scale)))
        enlarged = size[0] > picture.width
        how = Image.Resampling.NEAREST if enlarged else Image.Resampling.BOX
        fitted = picture.convert("RGBA").resize(size, how)
        if radius:
            mask = Image.new("L", size)
            whole = (0, 0, size[0] - 1, size[1] - 1)
            ImageDraw.Draw(mask).rounded_rectangle(whole, radius * self.scale, 255)
            fitted.putalpha(Image.composite(fitted.getchannel("A"), Image.new("L", size), mask))
        self._image.paste(fitted, (left, top))

    def time_axis(self, box: Box, marks: list[Tick], start_s: float, end_s: float) -> None:
        """Marks under ``box``, which spans those times."""
        for mark in marks:
            x = box.left + (mark.value - start_s) / (end_s - start_s) * box.width
            self.line([(x, box.bottom), (x, box.bottom + 3)], FAINT)
            self.text(x, box.bottom + 4, mark.label, anchor="ma")

    def preview(self, *, lossless: bool) -> Preview:
        """Lines and letters keep their edges lossless; pictures are far smaller otherwise."""
        height = max(1, self._image.height // _FINER)
        reduced = self._image.resize((self._size_px, height), Image.Resampling.BOX)
        return webp(reduced, lossless=lossless)


def webp(picture: Image.Image, *, lossless: bool = False) -> Preview:
    written = io.BytesIO()
    picture.save(written, "WEBP", lossless=lossless, quality=_QUALITY)
    return Preview(written.getvalue())


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Aileron, which Pillow brings along (CC0)."""
    return ImageFont.load_default(max(1, size_px))
