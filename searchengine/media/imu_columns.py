"""The column names of motion recordings, and what each means in SI units."""

from __future__ import annotations

from collections.abc import Iterable

#: Standard gravity, CGPM 1901 (exact by definition).
GRAVITY_M_S2 = 9.80665

RADIANS_PER_DEGREE = 0.017453292519943295

#: Ending of an acceleration column to the m/s^2 in one of its units.
ACCEL_UNITS = {"m_s2": 1.0, "g": GRAVITY_M_S2}

#: Ending of a rotation column to the rad/s in one of its units.
GYRO_UNITS = {"rad_s": 1.0, "deg_s": RADIANS_PER_DEGREE}

#: Time columns to the seconds in one of their units.
TIME_UNITS = {"time_s": 1.0, "time_ms": 1e-3, "time_us": 1e-6, "time_ns": 1e-9}

AXES = "xyz"

#: Every column name we give a meaning, for messages and for checking mappings.
NAMES = (
    *TIME_UNITS,
    *(f"accel_{axis}_{unit}" for axis in AXES for unit in ACCEL_UNITS),
    *(f"gyro_{axis}_{unit}" for axis in AXES for unit in GYRO_UNITS),
)


def has_accelerometer(header: Iterable[str]) -> bool:
    """Whether a table's header names all three accelerometer axes in our terms."""
    names = {clean(name) for name in header}
    return any(all(f"accel_{axis}_{unit}" in names for axis in AXES) for unit in ACCEL_UNITS)


def clean(name: str) -> str:
    """A header's name without what spreadsheets and people add around it."""
    return name.strip().strip('"').strip().lower()
