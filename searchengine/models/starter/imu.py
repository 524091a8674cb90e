"""Motion to the space: which of a few motions it is, then the words for these.

A small network over windows of 2.56 s, trained by ``scripts/train_starter_imu.py`` on recordings
of a phone at the waist (UCI HAR, Anguita et al. 2013) and on simulated motions. The vector is a
mixture of text embeddings, one a motion, weighed by how likely it is (ConSE, Norouzi et al. 2014).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from searchengine.models.starter.graph import Graph
from searchengine.types import FloatArray, ImuRecording

WEIGHTS = Path(__file__).with_suffix(".safetensors")

#: UCI HAR's windows: 128 readings at 50 Hz.
RATE_HZ = 50.0
WINDOW = 128
STANDARD_GRAVITY_M_S2 = 9.80665

#: The widest ranges of usual sensors, 16 g and 2,000 degrees a second; what is beyond is cut.
MAX_G, MAX_RAD_S = 16.0, 35.0

#: Motions, the six of UCI HAR first; what each is called is in the weights.
KINDS = (
    *("walking", "walking upstairs", "walking downstairs", "sitting", "standing", "laying"),
    *("running", "jumping", "shaking", "spinning", "falling", "driving", "resting"),
)


def prepare(recording: ImuRecording) -> FloatArray:
    """Windows float32 (windows, 6, 128) at 50 Hz: acceleration in g, then turning in rad/s.

    What is shorter than a window is repeated to fill it; the last window ends where the
    recording does. Raises ValueError for what is empty or not finite.
    """
    accel = np.asarray(recording.accel_m_s2, np.float64) / STANDARD_GRAVITY_M_S2
    gyro = np.asarray(recording.gyro_rad_s, np.float64)
    readings = np.concatenate(
        [np.clip(accel, -MAX_G, MAX_G), np.clip(gyro, -MAX_RAD_S, MAX_RAD_S)], axis=1
    )
    if not len(readings):
        raise ValueError("there is no motion in it")
    if not np.isfinite(readings).all():
        raise ValueError("some of its readings are infinite or not numbers")
    steady = _at_rate(readings, recording.rate_hz)
    return np.stack(_windows(steady)).transpose(0, 2, 1).astype(np.float32)


def _at_rate(
    readings: np.ndarray[tuple[int, ...], np.dtype[np.float64]], rate_hz: float
) -> FloatArray:
    """Readings (n, 6) at 50 Hz: means over 20 ms of a faster sensor, so that nothing aliases
    from far above, and straight lines between those of a slower one."""
    count = max(1, round(len(readings) / rate_hz * RATE_HZ))
    if rate_hz <= RATE_HZ:
        old, new = np.arange(len(readings)) / rate_hz, np.arange(count) / RATE_HZ
        return np.stack([np.interp(new, old, axis) for axis in readings.T], 1).astype(np.float32)
    summed = np.concatenate([np.zeros((1, 6)), np.cumsum(readings, axis=0)])
    edges = np.linspace(0, len(readings), count + 1)
    whole = np.stack([np.interp(edges, np.arange(len(summed)), axis) for axis in summed.T], 1)
    return (np.diff(whole, axis=0) * (count / len(readings))).astype(np.float32)


def _windows(readings: FloatArray) -> list[FloatArray]:
    if len(readings) < WINDOW:
        return [readings[np.arange(WINDOW) % len(readings)]]
    last = len(readings) - WINDOW
    starts = [*range(0, last, WINDOW), last]
    if len(starts) > 1 and last - starts[-2] < WINDOW // 4:
        starts.pop()
    return [readings[start : start + WINDOW] for start in starts]


def load_imu() -> Graph:
    """The trained network: windows float32 (n, 6, 128) to vectors (n, 384) of length 1, and to the
    logits (n, 13) of KINDS.

    Raises CheckpointError when a file of it is missing or another.
    """
    return Graph(WEIGHTS.with_suffix(".onnx"), WEIGHTS)
