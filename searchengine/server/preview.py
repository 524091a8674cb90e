"""What a person can see of media: every kind as one picture, WebP."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from searchengine.types import (
    DepthMap,
    FloatArray,
    Frames,
    ImuRecording,
    Media,
    ThermalImage,
    ThermalUnit,
    Waveform,
)

WIDTH_PX, HEIGHT_PX, BAR_PX = 320, 180, 22
INK, PAPER = (37, 99, 235, 255), (0, 0, 0, 0)
KELVIN_0_C = 273.15

#: matplotlib's "inferno" (Smith and van der Walt 2015, CC0) at nine places.
HEAT = (
    *((0, 0, 4), (31, 12, 72), (85, 15, 109), (136, 34, 106), (186, 54, 85)),
    *((227, 89, 51), (249, 140, 10), (249, 201, 50), (252, 255, 164)),
)
#: Accelerations then turning rates, x, y, z each.
TRACES = (
    (220, 38, 38),
    (22, 163, 74),
    (37, 99, 235),
    (234, 88, 12),
    (13, 148, 136),
    (124, 58, 237),
)


def preview_of(media: Media) -> bytes:
    """A picture of at most 320 px across; sensors have a scale in metres, degrees or m/s^2."""
    match media:
        case Frames():
            picture = _fitted(Image.fromarray(media.pixels[0]))
        case Waveform():
            picture = _wave(media.samples.mean(axis=0))
        case DepthMap():
            picture = _depth(media)
        case ThermalImage():
            picture = _thermal(media)
        case ImuRecording():
            picture = _traces(media)
        case np.ndarray():
            picture = _fitted(Image.fromarray(media))
        case _:
            raise TypeError("a text is its own preview")
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=82)
    return written.getvalue()


def _fitted(picture: Image.Image) -> Image.Image:
    picture.thumbnail((WIDTH_PX, WIDTH_PX), Image.Resampling.LANCZOS)
    return picture


def _wave(samples: FloatArray) -> Image.Image:
    """The loudest of each stretch, up and down; drawn twice as large and made smaller."""
    size = (2 * WIDTH_PX, HEIGHT_PX)
    canvas = Image.new("RGBA", size, PAPER)
    draw = ImageDraw.Draw(canvas)
    peaks = [float(np.abs(part).max()) for part in np.array_split(samples, WIDTH_PX) if len(part)]
    loudest = max(max(peaks, default=0.0), 1e-6)
    for at, peak in enumerate(peaks):
        half = max(1.0, peak / loudest * (HEIGHT_PX / 2 - 4))
        draw.line((2 * at, HEIGHT_PX / 2 - half, 2 * at, HEIGHT_PX / 2 + half), fill=INK, width=2)
    return canvas.resize((WIDTH_PX, HEIGHT_PX // 2), Image.Resampling.LANCZOS)


def _depth(depth: DepthMap) -> Image.Image:
    valid = depth.valid & np.isfinite(depth.metres)
    return _heat(depth.metres, valid, "{:.1f} m")


def _thermal(image: ThermalImage) -> Image.Image:
    valid = np.isfinite(image.values)
    if image.unit is ThermalUnit.KELVIN:
        return _heat(image.values - KELVIN_0_C, valid, "{:.1f} °C")
    return _heat(image.values, valid, "{:.2f}, relative")


def _heat(values: FloatArray, valid: npt.NDArray[np.bool_], scale: str) -> Image.Image:
    """In colours from low to high, grey where nothing was measured, over a bar with its ends."""
    low, high = np.percentile(values[valid], [1, 99]) if valid.any() else (0.0, 1.0)
    level = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    colours = _coloured(np.where(valid, level, 0))
    colours[~valid] = (128, 128, 128)
    picture = _fitted(Image.fromarray(colours))
    width, height = max(picture.width, WIDTH_PX // 2), picture.height
    canvas = Image.new("RGB", (width, height + BAR_PX), (24, 24, 27))
    canvas.paste(picture, ((width - picture.width) // 2, 0))
    bar = np.tile(np.linspace(0, 1, width), (5, 1))
    canvas.paste(Image.fromarray(_coloured(bar)), (0, height))
    _ends(canvas, scale.format(low), scale.format(high))
    return canvas


def _coloured(levels: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    places = np.linspace(0, 1, len(HEAT))
    channels = [np.interp(levels, places, channel) for channel in zip(*HEAT, strict=True)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _ends(canvas: Image.Image, low: str, high: str) -> None:
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    top = canvas.height - BAR_PX + 6
    draw.text((4, top), low, fill="white", font=font)
    draw.text((canvas.width - 4, top), high, fill="white", font=font, anchor="ra")


def _traces(recording: ImuRecording) -> Image.Image:
    """Three accelerations above, three turning rates below, each on the same scale."""
    canvas = Image.new("RGBA", (2 * WIDTH_PX, 2 * HEIGHT_PX), PAPER)
    draw = ImageDraw.Draw(canvas)
    for row, sensor in enumerate((recording.accel_m_s2, recording.gyro_rad_s)):
        most = max(float(np.abs(sensor).max(initial=0)), 1e-6)
        middle, half = HEIGHT_PX * (row + 0.5), HEIGHT_PX / 2 - 8
        across = np.linspace(0, 2 * WIDTH_PX - 1, len(sensor))
        for axis in range(3):
            points = np.stack([across, middle - sensor[:, axis] / most * half], axis=1)
            if len(points) > 1:
                draw.line(points.ravel().tolist(), fill=TRACES[3 * row + axis], width=3)
        unit = ("m/s²", "rad/s")[row]
        text = f"±{most:.1f} {unit}"
        draw.text((6, HEIGHT_PX * row + 4), text, fill=INK, font=ImageFont.load_default(24))
    return canvas.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS)
