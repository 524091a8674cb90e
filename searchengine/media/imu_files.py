"""The containers of motion recordings: tables as text or parquet, and NumPy arrays."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from searchengine.errors import DecodeError, UnsupportedMedia
from searchengine.media.arrays import array_names, read_array
from searchengine.media.imu_columns import (
    ACCEL_UNITS,
    AXES,
    GYRO_UNITS,
    TIME_UNITS,
    Column,
    find_columns,
    split_header,
)
from searchengine.media.options import MediaOptions

#: Fourteen hours at 100 Hz. Longer recordings are to be cut into files.
MAX_ROWS = 5_000_000

#: A row of numbers is far shorter; a longer line is no table.
MAX_LINE_CHARS = 65_536

#: No sensor reads more, and scaled to SI units it still fits float32.
_LARGEST = 1e30

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What a file holds, in SI units: ``accel`` and ``gyro`` (n, 3), finite.

    ``time_s`` (n,) or None is as recorded, unchecked; ``rate_hz`` is what the file itself says.
    """

    accel: Doubles
    gyro: Doubles
    time_s: Doubles | None
    rate_hz: float | None = None


def read_readings(path: Path, options: MediaOptions) -> Readings:
    """Read csv, tsv, parquet, npy or npz, told by the first bytes; text is a table.

    Raises DecodeError as ``read_imu`` says; UnsupportedMedia for parquet without pyarrow.
    """
    try:
        with path.open("rb") as file:
            start = file.read(6)
    except OSError as error:
        raise DecodeError(str(path), f"cannot be opened ({error.strerror})") from error
    if start == b"\x93NUMPY":
        return _read_npy(path)
    if start.startswith(b"PK"):
        return _read_npz(path)
    if start.startswith(b"PAR1"):
        return _read_parquet(path, options)
    return _read_text(path, options)


def _read_text(path: Path, options: MediaOptions) -> Readings:
    try:
        with path.open(encoding="utf-8-sig") as file:
            header, delimiter = split_header(file.readline(MAX_LINE_CHARS))
            columns = find_columns(str(path), header, options.imu_columns)
            table = np.loadtxt(
                _lines(file),
                delimiter=delimiter,
                usecols=[column.index for column in columns.all],
                comments=None,
                quotechar='"',
                max_rows=MAX_ROWS + 1,
                ndmin=2,
            )
    except UnicodeDecodeError as error:
        raise DecodeError(str(path), "not UTF-8 text") from error
    except (ValueError, OSError) as error:
        raise DecodeError(str(path), _which_row(str(error))) from error
    _check_rows(path, len(table))
    values = {column: table[:, i] for i, column in enumerate(columns.all)}
    return _from_columns(path, columns.accel, columns.gyro, columns.time, values)


def _lines(file: IO[str]) -> Iterator[str]:
    """The lines that hold something; loadtxt warns of a table in which there are none."""
    held = False
    while line := file.readline(MAX_LINE_CHARS):
        if len(line) == MAX_LINE_CHARS:
            raise ValueError(f"a line is longer than {MAX_LINE_CHARS} characters")
        if not line.isspace():
            held = True
            yield line
    if not held:
        raise ValueError("no readings in it")


def _which_row(reason: str) -> str:
    """loadtxt counts rows from 0 and suggests Python arguments; people do neither."""
    match = re.search(r"could not convert string (.*) to \w+ at row (\d+), column (\d+)", reason)
    if match:
        return f"row {int(match[2]) + 1}, column {match[3]}: {match[1]} is no number"
    match = re.search(r"invalid column index \d+ at row (\d+) with (\d+) columns", reason)
    return f"row {int(match[1])} has only {match[2]} columns" if match else reason


def _read_parquet(path: Path, options: MediaOptions) -> Readings:
    try:
        parquet = importlib.import_module("pyarrow.parquet")  # an extra, and without types
    except ImportError as error:
        raise UnsupportedMedia(
            str(path), "reading parquet needs pyarrow: pip install 'searchengine[parquet]'"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            columns = find_columns(str(path), file.schema_arrow.names, options.imu_columns)
            _check_rows(path, file.metadata.num_rows)
            table = file.read(columns=[file.schema_arrow.names[c.index] for c in columns.all])
        values = {c: _doubles(table.column(i)) for i, c in enumerate(columns.all)}
    except DecodeError:
        raise
    except Exception as error:  # Arrow's errors share no base but Exception
        reason = " ".join(str(error).split())  # Arrow's reasons run over several lines
        raise DecodeError(str(path), f"not a readable parquet ({reason})") from error
    return _from_columns(path, columns.accel, columns.gyro, columns.time, values)


def _doubles(column: Any) -> Doubles:
    return np.asarray(column.cast("float64").to_numpy(), np.float64)


def _from_columns(
    path: Path,
    accel: tuple[Column, ...],
    gyro: tuple[Column, ...],
    time: Column | None,
    values: dict[Column, Doubles],
) -> Readings:
    for column, numbers in values.items():
        _check_finite(path, column.name, numbers)
    rows = len(values[accel[0]])
    turned = [values[c] * c.scale for c in gyro] or [np.zeros(rows)] * 3
    return Readings(
        np.stack([values[c] * c.scale for c in accel], axis=1),
        np.stack(turned, axis=1),
        None if time is None else values[time] * time.scale,
    )


def _read_npy(path: Path) -> Readings:
    table = _rows_first(path, read_array(path, None, 6 * MAX_ROWS), (6, 3))
    for axis, name in zip(range(table.shape[1]), _NPY_COLUMNS, strict=False):
        _check_finite(path, name, table[:, axis])
    gyro = table[:, 3:] if table.shape[1] == 6 else np.zeros_like(table)
    return Readings(table[:, :3], gyro, None)


_NPY_COLUMNS = (*(f"accel_{a}_m_s2" for a in AXES), *(f"gyro_{a}_rad_s" for a in AXES))


def _read_npz(path: Path) -> Readings:
    names = array_names(path)
    accel = _sensor(path, names, "accel", ACCEL_UNITS)
    if accel is None:
        raise DecodeError(
            str(path), f"no array accel_m_s2 or accel_g in it, only {', '.join(names)[:200]}"
        )
    gyro = _sensor(path, names, "gyro", GYRO_UNITS)
    if gyro is not None and gyro.shape != accel.shape:
        raise DecodeError(str(path), f"gyro of {len(gyro)} rows beside accel of {len(accel)}")
    time = next((name for name in TIME_UNITS if name in names), None)
    time_s = _flat(path, time, len(accel)) * TIME_UNITS[time] if time else None
    rate_hz = float(_flat(path, "rate_hz", 1)[0]) if "rate_hz" in names else None
    return Readings(accel, np.zeros_like(accel) if gyro is None else gyro, time_s, rate_hz)


def _sensor(
    path: Path, names: tuple[str, ...], sensor: str, units: dict[str, float]
) -> Doubles | None:
    for unit, scale in units.items():
        name = f"{sensor}_{unit}"
        if name in names:
            table = _rows_first(path, read_array(path, name, 3 * MAX_ROWS), (3,))
            _check_finite(path, name, table)
            return table * scale
    return None


def _flat(path: Path, name: str, length: int) -> Doubles:
    values = read_array(path, name, MAX_ROWS).astype(np.float64).ravel()
    if len(values) != length:
        raise DecodeError(str(path), f"{name} holds {len(values)} values, not {length}")
    _check_finite(path, name, values)
    return values


def _rows_first(path: Path, array: npt.NDArray[Any], widths: tuple[int, ...]) -> Doubles:
    """(n, width); (width, n) is turned where it cannot be the other."""
    if array.ndim == 2 and array.shape[1] not in widths and array.shape[0] in widths:
        array = array.T
    if array.ndim != 2 or array.shape[1] not in widths:
        wanted = " or ".join(f"(n, {width})" for width in widths)
        raise DecodeError(str(path), f"shape {array.shape} is not one recording, {wanted}")
    _check_rows(path, len(array))
    with np.errstate(over="ignore"):
        return np.asarray(array, np.float64)


def _check_rows(path: Path, count: int) -> None:
    if not 0 < count <= MAX_ROWS:
        raise DecodeError(str(path), f"{count} readings is not within 1 and {MAX_ROWS}")


def _check_finite(path: Path, column: str, values: Doubles) -> None:
    good = np.abs(values) <= _LARGEST  # also false for NaN
    if not good.all():
        row = int(np.argmin(good if good.ndim == 1 else good.all(axis=1)))
        raise DecodeError(
            str(path), f"row {row + 1}, column {column}: {values[row]} is no usable number"
        )
