"""The column names of motion recordings, and what each means in SI units."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from searchengine.errors import DecodeError

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


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file: where it is, its name there, and what makes its values SI."""

    index: int
    name: str
    scale: float


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a recording; ``gyro`` is empty and ``time`` None where there are none."""

    accel: tuple[Column, ...]
    gyro: tuple[Column, ...]
    time: Column | None

    @property
    def all(self) -> tuple[Column, ...]:
        return (*self.accel, *self.gyro, *((self.time,) if self.time else ()))


def find_columns(path: str, header: Sequence[str], named: Iterable[tuple[str, str]]) -> Columns:
    """Where a table keeps what a recording needs.

    ``named`` maps names of ours to the file's, in any case; columns that already have our
    names need no mapping. Raises DecodeError when an axis is missing or a column is there twice;
    a gyroscope may be missing whole.
    """
    finder = _Finder(path, [clean(name) for name in header], header, dict(named))
    accel = finder.axes("accel", ACCEL_UNITS)
    gyro = finder.axes("gyro", GYRO_UNITS)
    if len(accel) < 3:
        raise DecodeError(
            path,
            f"no accel_{{x,y,z}}_m_s2 or _g among its columns {', '.join(header)[:200]}; "
            "name them with --imu-columns",
        )
    if len(gyro) not in (0, 3):
        raise DecodeError(path, "a gyroscope with only some of gyro_{x,y,z}_rad_s or _deg_s")
    return Columns(accel, gyro, finder.first(TIME_UNITS))


@dataclass(frozen=True, slots=True)
class _Finder:
    path: str
    cleaned: list[str]
    header: Sequence[str]
    named: dict[str, str]

    def axes(self, sensor: str, units: dict[str, float]) -> tuple[Column, ...]:
        found = (
            self.first({f"{sensor}_{axis}_{unit}": scale for unit, scale in units.items()})
            for axis in AXES
        )
        return tuple(column for column in found if column)

    def first(self, scales: dict[str, float]) -> Column | None:
        """The column of the first of our names that the file has; a mapped one goes first."""
        for ours in sorted(scales, key=lambda name: name not in self.named):
            theirs = clean(self.named.get(ours, ours))
            count = self.cleaned.count(theirs)
            if count > 1 or (count == 0 and ours in self.named):
                how_many = "is there twice" if count else f"is missing ({ours} by imu_columns)"
                raise DecodeError(self.path, f"column {theirs!r} {how_many}")
            if count:
                index = self.cleaned.index(theirs)
                return Column(index, self.header[index].strip(), scales[ours])
        return None


def split_header(line: str) -> tuple[list[str], str]:
    """The names in the first line of a table, and what separates them: tab, ``;`` or ``,``."""
    delimiter = max("\t;,", key=line.count)
    try:
        return next(csv.reader([line], delimiter=delimiter), []), delimiter
    except csv.Error:
        return [], delimiter


def has_accelerometer(header: Iterable[str]) -> bool:
    """Whether a table's header names all three accelerometer axes in our terms."""
    names = {clean(name) for name in header}
    return any(all(f"accel_{axis}_{unit}" in names for axis in AXES) for unit in ACCEL_UNITS)


def clean(name: str) -> str:
    """A header's name without what spreadsheets and people add around it."""
    return name.strip().strip('"').strip().lower()
