"""Colours that read on a light page and on a dark one, and ramps from low to high."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Rgba: TypeAlias = tuple[int, int, int, int]
ByteArray: TypeAlias = npt.NDArray[np.uint8]
DoubleArray: TypeAlias = npt.NDArray[np.float64]
#: Lightness, a and b of OKLab.
Lab: TypeAlias = tuple[float, float, float]

#: The grey whose contrast is the same, 4.6 to 1, on white and on black: WCAG 2.2 asks 4.5 of text.
INK: Rgba = (118, 118, 118, 255)
FAINT: Rgba = (118, 118, 118, 80)

#: Lines and shapes: 3.7 to 1 on white, 5.7 to 1 on black; WCAG 2.2 asks 3 of them.
BLUE: Rgba = (59, 130, 246, 255)
PALE_BLUE: Rgba = (59, 130, 246, 110)

#: x, y and z: vermilion, green and blue of Okabe and Ito (2008), which the colour-blind can tell
#: apart; the blue is a little lighter than theirs, for dark pages.
AXES: tuple[Rgba, ...] = ((213, 94, 0, 255), (0, 158, 115, 255), (40, 128, 205, 255))

#: OKLab to the cube roots of cone responses, and those, cubed, to linear sRGB.
#: Source: B. Ottosson, "A perceptual color space for image processing" (2020), public domain.
_CONES = np.array(
    (
        (1.0, 0.3963377774, 0.2158037573),
        (1.0, -0.1055613458, -0.0638541728),
        (1.0, -0.0894841775, -1.2914855480),
    )
)
_LINEAR = np.array(
    (
        (4.0767416621, -3.3077115913, 0.2309699292),
        (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.7076147010),
    )
)


@dataclass(frozen=True, slots=True)
class Ramp:
    """From low to high. ``stops`` are evenly spaced, so that equal steps look equal."""

    stops: tuple[Lab, ...]

    def __call__(self, levels: npt.NDArray[np.floating]) -> ByteArray:
        """Levels (...) in [0, 1] to sRGB uint8 (..., 3); what lies outside takes the ends."""
        steps = np.clip(levels * 255.0, 0, 255).round().astype(np.intp)
        coloured: ByteArray = _table(self)[steps]
        return coloured


#: Near is light and warm, far is dark and cold.
NEARNESS = Ramp(
    (
        (0.95, -0.02, 0.12),
        (0.83, -0.12, 0.09),
        (0.70, -0.11, 0.00),
        (0.56, -0.06, -0.07),
        (0.42, -0.01, -0.12),
        (0.28, 0.02, -0.10),
    )
)
#: As iron glows.
HEAT = Ramp(
    (
        (0.12, 0.01, -0.05),
        (0.30, 0.08, -0.12),
        (0.47, 0.16, -0.02),
        (0.64, 0.15, 0.10),
        (0.80, 0.05, 0.15),
        (0.96, -0.02, 0.10),
    )
)
#: Silence is nearly black.
LOUDNESS = Ramp(
    (
        (0.16, 0.00, -0.03),
        (0.32, 0.04, -0.13),
        (0.50, 0.14, -0.11),
        (0.67, 0.15, 0.03),
        (0.83, 0.06, 0.09),
        (0.97, -0.01, 0.05),
    )
)


@cache
def _table(ramp: Ramp) -> ByteArray:
    """256 colours, uint8 (256, 3)."""
    places = np.linspace(0, 1, len(ramp.stops))
    wanted = np.linspace(0, 1, 256)
    lab = np.stack([np.interp(wanted, places, c) for c in zip(*ramp.stops, strict=True)], axis=-1)
    linear = np.clip((lab @ _CONES.T) ** 3 @ _LINEAR.T, 0, 1)
    # the transfer curve of sRGB, IEC 61966-2-1
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    table: ByteArray = (coded * 255).round().astype(np.uint8)
    return table
