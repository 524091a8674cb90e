"""Where the marks of an axis go, and what they say."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Steps that people read easily, of each power of ten.
_STEPS = (1.0, 2.0, 5.0, 10.0)
#: The same for time, in seconds, up to a day.
_TIMES_S = (*(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30), *(60, 120, 300, 600, 1800, 3600, 7200, 21600))


@dataclass(frozen=True, slots=True)
class Tick:
    value: float
    label: str


def ticks(low: float, high: float, steps: int) -> list[Tick]:
    """Round values in [low, high], ascending, at most ``steps`` from first to last.

    None when the range is empty.
    """
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        return []
    rough = (high - low) / steps
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((s * power for s in _STEPS if s * power >= rough), 10 * power)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [Tick(value, number(value, decimals)) for value in _multiples(low, high, step)]


def time_ticks(start_s: float, end_s: float, steps: int) -> list[Tick]:
    """As ``ticks``, for seconds: ``0:05``, or ``1.5 s`` where steps are shorter than a second."""
    length_s = end_s - start_s
    if not (math.isfinite(start_s) and math.isfinite(end_s)) or length_s <= 0:
        return []
    step_s = next((s for s in _TIMES_S if length_s / s <= steps), length_s / steps)
    return [Tick(at, clock(at, step_s)) for at in _multiples(start_s, end_s, step_s)]


def clock(at_s: float, step_s: float = 1.0) -> str:
    """``0:05``, ``1:02:03``; ``1.5 s`` when ``step_s`` is shorter than a second."""
    if step_s < 1:
        decimals = max(1, math.ceil(-math.log10(step_s) - 1e-9))
        return f"{at_s:.{decimals}f} s"
    whole = round(at_s)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def number(value: float, decimals: int) -> str:
    """Never minus zero; large and tiny ones by powers of ten."""
    extreme = decimals > 6 or abs(value) >= 1e6
    said = f"{value:.3g}" if extreme else f"{value:.{decimals}f}"
    return said.removeprefix("-") if float(said) == 0 else said


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [min(max(index * step, low), high) for index in range(first, last + 1)]
