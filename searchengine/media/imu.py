"""Motion recordings: accelerometer and gyroscope at one steady rate."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np

from searchengine.errors import DecodeError
from searchengine.media.imu_files import MAX_ROWS, Doubles, Readings, read_readings
from searchengine.media.options import MediaOptions
from searchengine.types import ImuRecording, MediaInfo, Modality, Span

#: Steps between readings may differ from the median step by this share before the recording is
#: resampled. Phones stamp whole milliseconds: at 100 Hz a step is 9 to 11 ms, off by 10 %.
MAX_JITTER = 0.25

MIME_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".parquet": "application/vnd.apache.parquet",
}


def read_imu(path: Path, options: MediaOptions, span: Span | None = None) -> ImuRecording:
    """Decode a recording, or the readings in ``span`` (seconds from its first).

    - csv, tsv, parquet: columns ``accel_{x,y,z}_m_s2`` (or ``_g``), ``gyro_{x,y,z}_rad_s`` (or
      ``_deg_s``) and ``time_s`` (or ``_ms``, ``_us``, ``_ns``); ``options.imu_columns`` names
      others.
    - npy: (n, 6) m/s^2 and rad/s, or (n, 3) m/s^2; (6, n) and (3, n) are turned.
    - npz: ``accel_m_s2`` (or ``_g``) and ``gyro_rad_s`` (or ``_deg_s``), (n, 3) each, with
      ``time_s`` (n,) or ``rate_hz``.

    A recording without a gyroscope has zeros there. The rate is that of the time column, else
    of the file, else ``options.imu_rate_hz``. Where steps differ by more than ``MAX_JITTER``,
    as after a gap, readings are interpolated linearly at the median step.

    Raises DecodeError for a file that is broken, empty or longer than ``MAX_ROWS``; for what is
    not finite and for time that does not rise, naming the row; and when no rate is known.
    """
    whole = _read_whole(path, options)
    if span is None:
        return _rows(whole, 0, len(whole.accel_m_s2))
    first, last = (_first_at(whole, second) for second in (span.start, span.end))
    if first >= last:
        raise DecodeError(
            str(path), f"no reading from {span.start} to {span.end} s of {whole.duration_s:.3f} s"
        )
    return _rows(whole, first, last)


def describe(path: Path, options: MediaOptions) -> MediaInfo:
    """Duration, rate and count after resampling; raises as ``read_imu`` does."""
    whole = _read_whole(path, options)
    return MediaInfo(
        Modality.IMU,
        MIME_TYPES.get(path.suffix.lower(), "application/octet-stream"),
        duration_s=whole.duration_s,
        rate_hz=whole.rate_hz,
        count=len(whole.accel_m_s2),
    )


def _read_whole(path: Path, options: MediaOptions) -> ImuRecording:
    try:
        stat = path.stat()
    except OSError as error:
        raise DecodeError(str(path), f"cannot be opened ({error.strerror})") from error
    return _read_cached(path, options, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=1)  # a long table is asked for segment after segment
def _read_cached(
    path: Path, options: MediaOptions, modified_ns: int, size_bytes: int
) -> ImuRecording:
    readings = read_readings(path, options)
    time_s = readings.time_s
    if time_s is not None and len(time_s) > 1:
        return _timed(path, readings, _steps(path, time_s), time_s - time_s[0])
    rate_hz = readings.rate_hz or options.imu_rate_hz
    if rate_hz is None or not (math.isfinite(rate_hz) and rate_hz > 0):
        raise DecodeError(
            str(path),
            "its rate is not known: it needs a column time_s, or --imu-rate-hz (imu_rate_hz in "
            "metadata.jsonl)",
        )
    return _recording(readings.accel, readings.gyro, rate_hz)


def _steps(path: Path, time_s: Doubles) -> Doubles:
    steps = np.diff(time_s)
    if not (steps > 0).all():
        row = int(np.argmin(steps > 0)) + 2
        raise DecodeError(str(path), f"row {row}: its time is not later than the row before it")
    return steps


def _timed(path: Path, readings: Readings, steps: Doubles, time_s: Doubles) -> ImuRecording:
    step_s = float(np.median(steps))
    if np.abs(steps - step_s).max() <= MAX_JITTER * step_s:
        # The mean, not the median: steps of 16 and 17 ms make 60 Hz.
        return _recording(readings.accel, readings.gyro, len(steps) / float(time_s[-1]))
    count = float(time_s[-1]) / step_s
    if not count < MAX_ROWS:
        raise DecodeError(
            str(path),
            f"a gap of {steps.max():.6g} s among steps of {step_s:.6g} s: too long to fill; "
            "cut the recording there",
        )
    steady_s = np.arange(int(count * (1 + 1e-12)) + 1) * step_s
    accel, gyro = (
        np.stack([np.interp(steady_s, time_s, axis) for axis in sensor.T], axis=1)
        for sensor in (readings.accel, readings.gyro)
    )
    return _recording(accel, gyro, 1 / step_s)


def _recording(accel: Doubles, gyro: Doubles, rate_hz: float) -> ImuRecording:
    return ImuRecording(accel.astype(np.float32), gyro.astype(np.float32), rate_hz)


def _first_at(recording: ImuRecording, second: float) -> int:
    """The first reading not before ``second``; a millionth of a step early counts as on time."""
    position = min(max(second * recording.rate_hz - 1e-6, 0.0), float(len(recording.accel_m_s2)))
    return math.ceil(position)


def _rows(recording: ImuRecording, first: int, last: int) -> ImuRecording:
    """A copy, so that nobody writes into what is kept for the next segment."""
    accel, gyro = recording.accel_m_s2, recording.gyro_rad_s
    return ImuRecording(accel[first:last].copy(), gyro[first:last].copy(), recording.rate_hz)
