"""Pictures, films and sounds to what the towers take, number for number as the reference does.

Its oddities are kept where the weights have learnt them; each is named where it stands.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate
from torchaudio.compliance.kaldi import fbank
from torchaudio.functional import resample
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms

SIDE_PX = 224

#: Of CLIP's training pictures (Radford et al. 2021).
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

#: A video is seen in 5 clips of 2 s, 2 frames of each, each at 3 places.
VIDEO_CLIPS = 5
CLIP_S = 2
CLIP_FRAMES = 2
VIDEO_CROPS = 3

#: A sound is heard in 3 clips of 2 s (AST, Gong et al. 2021, for the features).
RATE_HZ = 16_000
SOUND_CLIPS = 3
MELS = 128
FRAME_MS = 25
HOP_MS = 10
COLUMNS = 204
SOUND_MEAN, SOUND_STD = -4.268, 9.138

#: Shorter than one frame of the filterbank there is nothing to hear; silence is appended. The
#: reference refuses such sounds.
MIN_SAMPLES = RATE_HZ * FRAME_MS // 1000

#: The resampler's table has as many entries as both rates without their common factors,
#: multiplied: 0.8 GB of them is the most that is made, which is exact for every rate in use. Other
#: rates (44,101 Hz would take 5.6 GB) are taken for the nearest of at most ``NEAR_PERIOD`` samples
#: a period, 0.12 % off at worst.
MAX_TABLE = 100_000_000
NEAR_PERIOD = 441

Pixels = npt.NDArray[np.uint8]


def picture(pixels: Pixels) -> Tensor:
    """RGB uint8 (h, w, 3) to float32 (3, 224, 224): bicubic, the middle cut out."""
    image = Image.fromarray(pixels)
    scaled = transforms.resize(image, [SIDE_PX], InterpolationMode.BICUBIC)
    cropped = transforms.to_tensor(transforms.center_crop(scaled, [SIDE_PX]))
    normalised: Tensor = transforms.normalize(cropped, list(MEAN), list(STD))
    return normalised


def film_indices(count: int, rate_hz: float, clips: int = VIDEO_CLIPS) -> list[tuple[int, int]]:
    """First and last frame of each clip of a video of ``count`` frames.

    Clips are spread evenly and overlap in a short video; bounds are exact fractions. One alone
    is in the middle.
    """
    duration_s = count / rate_hz
    pairs = []
    for start in _starts(duration_s, clips):
        first = math.ceil(rate_hz * start)
        last = min(math.ceil(rate_hz * (start + CLIP_S)), count) - 1
        pairs.append((first, last))
    return pairs


def film(frames: Pixels, crops: int = VIDEO_CROPS) -> Tensor:
    """Frames (2 clips, h, w, 3), as ``film_indices`` names them, to (views, 3, 2, 224, 224).

    Unlike a picture: bilinear without antialiasing, and three squares along the longer side, of
    which one ``crops`` takes the middle. Clips are the slower index, squares the faster.
    """
    clips = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    clips = torch.stack([_normalised(frame) for frame in _scaled(clips)])
    clips = clips.view(-1, CLIP_FRAMES, *clips.shape[1:]).transpose(1, 2)  # clips, 3, 2, h, w
    return torch.stack([crop for clip in clips for crop in _crops(clip, crops)])


def sound(samples: npt.NDArray[np.float32], rate_hz: int) -> Tensor:
    """Samples float32 (channels, n) at any rate to log-mels (3, 1, 128, 204).

    Only the first channel is heard, but the mean taken from it is that of all; and since it is
    taken in place, a clip that overlaps an earlier one finds its samples shifted already.
    """
    wave = _at_16_khz(torch.from_numpy(samples), rate_hz).clone()
    if wave.shape[1] < MIN_SAMPLES:
        wave = torch.nn.functional.pad(wave, (0, MIN_SAMPLES - wave.shape[1]))
    clips = []
    for start in _starts(wave.shape[1] / RATE_HZ, SOUND_CLIPS):
        clip = wave[:, int(start * RATE_HZ) : int((start + CLIP_S) * RATE_HZ)]
        clip -= clip.mean()
        clips.append(_log_mel(clip))
    return torch.stack(clips)


def _at_16_khz(wave: Tensor, rate_hz: int) -> Tensor:
    """Raises ValueError for a rate above 7 MHz."""
    ratio = Fraction(RATE_HZ, rate_hz)
    if ratio.numerator * ratio.denominator > MAX_TABLE:
        ratio = ratio.limit_denominator(NEAR_PERIOD)
    if not ratio:
        raise ValueError(f"{rate_hz} samples a second are too many to be a sound")
    resampled: Tensor = resample(wave, ratio.denominator, ratio.numerator)
    return resampled


def _starts(duration_s: float, clips: int) -> list[Fraction]:
    room = max(Fraction(duration_s) - CLIP_S, Fraction(0))
    if clips == 1:
        return [room / 2]
    return [room * number / (clips - 1) for number in range(clips)]


def _log_mel(clip: Tensor) -> Tensor:
    """Kaldi's filterbank (1, 128, 204), filled up with silence before it is normalised."""
    mels = fbank(
        clip,
        htk_compat=True,
        sample_frequency=RATE_HZ,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=MELS,
        dither=0.0,
        frame_length=FRAME_MS,
        frame_shift=HOP_MS,
    ).T
    padded = torch.nn.functional.pad(mels, (0, COLUMNS - mels.shape[1]))[None, :, :COLUMNS]
    return (padded - SOUND_MEAN) / SOUND_STD


def _scaled(frames: Tensor) -> Tensor:
    """(n, 3, h, w) with the short side at 224, the long side rounded down."""
    height, width = frames.shape[-2:]
    if width < height:
        size = (math.floor(height / width * SIDE_PX), SIDE_PX)
    else:
        size = (SIDE_PX, math.floor(width / height * SIDE_PX))
    return interpolate(frames, size=size, mode="bilinear", align_corners=False)


def _normalised(frame: Tensor) -> Tensor:
    normalised: Tensor = transforms.normalize(frame, list(MEAN), list(STD))
    return normalised


def _crops(clip: Tensor, count: int) -> list[Tensor]:
    """Squares along the longer side of (3, 2, h, w): both ends and the middle, or the middle."""
    height, width = clip.shape[-2:]
    room = max(height, width) - SIDE_PX
    middle = math.ceil(room / 2)
    offsets = [middle] if count == 1 else [0, middle, room]
    if height > width:
        return [clip[..., at : at + SIDE_PX, :] for at in offsets]
    return [clip[..., at : at + SIDE_PX] for at in offsets]
