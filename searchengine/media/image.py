"""Pictures to RGB pixels."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from searchengine.errors import DecodeError, MediaError, UnsupportedMedia

#: Pillow only warns between 89 and 179 megapixels; here anything above this is refused.
MAX_PIXELS = 89_000_000

#: Formats asked of Pillow by name, so that a hostile file cannot pick an exotic plugin.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "PPM")

#: Read once ``pip install 'searchengine[heif]'`` has put pillow-heif beside Pillow.
HEIF_SUFFIXES = frozenset({".heic", ".heif"})


def read_image(
    path: Path,
    *,
    orient: bool = True,
    composite_alpha: bool = True,
    short_side_px: int | None = None,
) -> npt.NDArray[np.uint8]:
    """Decode the first frame of a picture to uint8 (h, w, 3) RGB.

    With ``short_side_px`` a JPEG may come back at 1/2, 1/4 or 1/8 of its size, its short side
    no smaller than that: its decoder gives those sizes at a fraction of the cost.

    ``orient`` applies the EXIF orientation; ``composite_alpha`` puts transparent pixels on
    white instead of showing the colour hidden beneath them. Sixteen-bit grey is scaled to its
    own range, since its upper byte alone is often black.

    Raises DecodeError when the file is broken or larger than ``MAX_PIXELS``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken EXIF and the like: pixels are what we need
            with open_picture(path) as picture:
                if short_side_px is not None and picture.format == "JPEG":
                    picture.draft("RGB", (short_side_px, short_side_px))
                picture.load()
                turned = ImageOps.exif_transpose(picture) if orient else picture
                return np.asarray(_to_rgb(turned, composite_alpha))
    except MediaError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError) as error:  # the last: AVIF
        raise DecodeError(str(path), f"not a readable picture ({error})") from error


def open_picture(path: Path) -> Image.Image:
    """Read the header only.

    Raises UnsupportedMedia for HEIC without its extra, DecodeError above ``MAX_PIXELS``.
    """
    try:
        picture = Image.open(path, formats=_formats(path))
    except Image.DecompressionBombError as error:
        raise DecodeError(str(path), f"too large ({error})") from error
    except RuntimeError as error:  # AVIF
        raise DecodeError(str(path), f"not a readable picture ({error})") from error
    width, height = picture.size
    if width * height > MAX_PIXELS:
        picture.close()
        raise DecodeError(
            str(path), f"{width} x {height} pixels is over the limit of {MAX_PIXELS // 10**6} MP"
        )
    return picture


def _formats(path: Path) -> tuple[str, ...]:
    if path.suffix.lower() not in HEIF_SUFFIXES:
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise UnsupportedMedia(
            str(path), "HEIC needs an extra: pip install 'searchengine[heif]'"
        ) from None
    register_heif_opener()
    return ("HEIF",)


def _to_rgb(picture: Image.Image, composite_alpha: bool) -> Image.Image:
    if picture.mode.startswith("I"):
        grey = np.asarray(picture).astype(np.float64)
        low, high = float(grey.min()), float(grey.max())
        scaled = (grey - low) * (255.0 / max(high - low, 1.0))
        return Image.fromarray(scaled.round().astype(np.uint8)).convert("RGB")
    if composite_alpha and picture.has_transparency_data:
        layered = picture.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB")
    return picture.convert("RGB")
