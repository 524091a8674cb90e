"""Photographs, and the frame that a video's segment begins with."""

from __future__ import annotations

from PIL import Image

from searchengine.server.previews.colours import ByteArray
from searchengine.server.previews.sheet import Preview, webp


def draw_picture(pixels: ByteArray, size_px: int) -> Preview:
    """RGB uint8 (h, w, 3), made smaller, never larger, to ``size_px`` on its long side."""
    if not pixels.size:
        return webp(Image.new("RGBA", (1, 1)))
    picture = Image.fromarray(pixels)
    picture.thumbnail((size_px, size_px), Image.Resampling.LANCZOS)
    return webp(picture)
