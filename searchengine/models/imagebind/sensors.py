"""Depth maps, thermal images and motion to what the towers take.

The reference has no code for these: every choice is ours, and an option (see ``Options``).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms

from searchengine.models.imagebind.options import Options
from searchengine.models.imagebind.preprocess import SIDE_PX
from searchengine.models.imagebind.stems import IMU_STEPS

#: In place of a range or deviation of 0, by which nothing can be divided.
SMALLEST = 1e-6

Floats = npt.NDArray[np.float32]


def disparity(metres: Floats, valid: npt.NDArray[np.bool_], options: Options) -> Tensor:
    """Depth (h, w) to float32 (1, 224, 224). What is not valid counts as far away."""
    near, far = options.depth_min_m, options.depth_max_m
    clipped = np.where(valid, metres, far).clip(near, far)
    shifts_px = options.depth_baseline_m * options.depth_focal_px / clipped
    return (_square(shifts_px) - options.depth_mean) / options.depth_std


def radiance(values: Floats, options: Options, *, kelvin: bool) -> Tensor:
    """A thermal image (h, w) to float32 (1, 224, 224) in [0, 1]; all 0 where nothing differs."""
    if not kelvin:
        return _square(values).clamp(0, 1)
    low = float(values.min()) if options.thermal_low_k is None else options.thermal_low_k
    high = float(values.max()) if options.thermal_high_k is None else options.thermal_high_k
    scaled = (values.astype(np.float64) - low) / max(high - low, SMALLEST)
    return _square(scaled).clamp(0, 1)


def motion(accel_m_s2: Floats, gyro_rad_s: Floats, rate_hz: float, options: Options) -> Tensor:
    """Readings (n, 3) twice to float32 (6, 2000): cut, or filled up with zeros at the end.

    Linear between readings; averaged over them, against aliasing, where there are more than
    ``imu_rate_hz``. Standardising gives each sensor mean 0 and deviation 1 over its three axes.
    """
    sensors = {"accel": accel_m_s2, "gyro": gyro_rad_s}
    kept = math.ceil(IMU_STEPS / options.imu_rate_hz * rate_hz)
    parts = [sensors[name][:kept].T for name in options.imu_order.split(",")]
    if options.imu_standardise:
        parts = [_standard(part) for part in parts]
    readings = torch.from_numpy(np.concatenate(parts).astype(np.float32))  # 6, n
    steps = max(1, round(readings.shape[1] * options.imu_rate_hz / rate_hz))
    size = (len(readings), min(steps, IMU_STEPS))
    resampled = interpolate(readings[None, None], size, mode="bilinear", antialias=True)[0, 0]
    return pad(resampled, (0, IMU_STEPS - resampled.shape[1]))


def _standard(readings: Floats) -> Floats:
    standard: Floats = (readings - readings.mean()) / max(float(readings.std()), SMALLEST)
    return standard


def _square(values: npt.NDArray[np.floating]) -> Tensor:
    """(h, w) to (1, 224, 224): bicubic with antialiasing, the middle cut out, as for pictures."""
    image = torch.from_numpy(values.astype(np.float32))[None]
    scaled = transforms.resize(image, [SIDE_PX], InterpolationMode.BICUBIC, antialias=True)
    cropped: Tensor = transforms.center_crop(scaled, [SIDE_PX])
    return cropped
