"""Sound into the text space: YAMNet's layers, then words weighed by how likely they are.

The network is MobileNet v1 as YAMNet has it (Plakal & Ellis, TensorFlow models, Apache-2.0),
batch norms folded in, trained further by ``scripts/train_starter_audio.py``. It hears six moments
of a window of five seconds. The vector is a mixture of text embeddings, one for each of AudioSet's
521 classes, weighed by how likely that class is (ConSE, Norouzi et al. 2014): a sound lands near
the words for it.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from searchengine.models.starter.graph import Graph
from searchengine.types import FloatArray

WEIGHTS = Path(__file__).with_suffix(".safetensors")

# YAMNet's features (its params.py): 25 ms frames every 10 ms, 64 mel bands of 125-7500 Hz.
RATE_HZ = 16_000
FRAME_SAMPLES = 400
HOP_SAMPLES = 160
FFT_SAMPLES = 512
MELS = 64
MEL_RANGE_HZ = (125.0, 7_500.0)
LOG_OFFSET = 0.001

#: The resampler's table grows with the samples until both rates fall together again, to
#: gigabytes for 44,101 Hz. This many serve every usual rate as it is (11,025 and 44,100 Hz have
#: 441); others are taken for the nearest that they serve, at most 0.12 % off up to 400 kHz.
PERIOD_SAMPLES = 441

#: The resampler: a sinc through this many zeros on either side, under a Hann window, that lets
#: through this share of the band (Smith, Digital Audio Resampling; the defaults of torchaudio).
ZEROS, ROLLOFF = 6, 0.99
#: Samples that are made in one product, when the rates fall together sooner.
BLOCK_SAMPLES = 400

WINDOW_SAMPLES = 5 * RATE_HZ
#: Anything shorter is one event with silence after it, repeated to fill the window.
MIN_SAMPLES = RATE_HZ
#: A shorter end than this (encoders pad sounds by some hundredths) gets no window of its own.
TAIL_SAMPLES = RATE_HZ // 4
FRAMES = 1 + (WINDOW_SAMPLES - FRAME_SAMPLES) // HOP_SAMPLES


def at_rate(samples: FloatArray, rate_hz: int) -> FloatArray:
    """float32 (n,) at ``rate_hz``, resampled to 16 kHz. Raises ValueError above 7 MHz."""
    ratio = Fraction(RATE_HZ, rate_hz).limit_denominator(PERIOD_SAMPLES)
    if not ratio:
        raise ValueError(f"{rate_hz} samples a second are too many to be a sound")
    if ratio == 1:
        return samples
    count = math.ceil(len(samples) * ratio)
    blocks = max(1, BLOCK_SAMPLES // max(ratio.numerator, ratio.denominator))
    before, after = blocks * ratio.denominator, blocks * ratio.numerator
    reach, filters = _resampler(before, after)
    padded = np.pad(samples, (reach, reach + before))
    heard: FloatArray = sliding_window_view(padded, 2 * reach + before)[::before] @ filters
    return heard.reshape(-1)[:count]


@functools.lru_cache(maxsize=4)
def _resampler(before: int, after: int) -> tuple[int, FloatArray]:
    """How far it reaches to either side, and what turns ``before`` samples into ``after``.

    float32 (2 * reach + before, after), the values of a windowed sinc around each new sample.
    """
    band = min(before, after) * ROLLOFF
    reach = math.ceil(ZEROS * before / band)
    old, new = np.arange(-reach, before + reach) / before, np.arange(after) / after
    zeros = np.clip((old[:, None] - new) * band, -ZEROS, ZEROS)
    window = np.cos(zeros * (np.pi / 2 / ZEROS)) ** 2
    return reach, (np.sinc(zeros) * window * (band / before)).astype(np.float32)


def log_mel(samples: FloatArray) -> FloatArray:
    """Windows of five seconds, float32 (windows, 1, 498, 64), of sound at 16 kHz.

    ``samples`` float32 (n,) in [-1, 1]. What is shorter than a window is repeated to fill it;
    the last window of what is longer ends where the sound does.
    """
    if samples.ndim != 1:
        raise ValueError(f"log_mel takes samples of one channel, not an array {samples.shape}")
    windows = np.stack(_windows(np.asarray(samples, np.float32)))
    frames = sliding_window_view(windows, FRAME_SAMPLES, axis=1)[:, ::HOP_SAMPLES]
    magnitude = np.abs(np.fft.rfft(frames * _hann(), FFT_SAMPLES))
    mels: FloatArray = np.log(magnitude @ _mel_bands() + np.float32(LOG_OFFSET))[:, None]
    return mels


def _hann() -> FloatArray:
    turn = np.arange(FRAME_SAMPLES) * (2 * np.pi / FRAME_SAMPLES)
    window: FloatArray = (0.5 - 0.5 * np.cos(turn)).astype(np.float32)
    return window


@functools.cache
def _mel_bands() -> FloatArray:
    """Triangles of even width on the mel scale, 2595 log10(1 + f / 700), float32 (257, 64)."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in MEL_RANGE_HZ)
    corners = 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)
    bins = np.linspace(0, RATE_HZ / 2, FFT_SAMPLES // 2 + 1)[:, None]
    rising = (bins - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - bins) / np.diff(corners)[1:]
    return np.maximum(np.minimum(rising, falling), 0).astype(np.float32)


def _windows(samples: FloatArray) -> list[FloatArray]:
    if len(samples) < WINDOW_SAMPLES:
        event = np.pad(samples, (0, max(MIN_SAMPLES - len(samples), 0)))
        return [np.resize(event, WINDOW_SAMPLES)]
    last = len(samples) - WINDOW_SAMPLES
    starts = [*range(0, last, WINDOW_SAMPLES), last]
    if len(starts) > 1 and last - starts[-2] < TAIL_SAMPLES:
        starts.pop()
    return [samples[start : start + WINDOW_SAMPLES] for start in starts]


def load_audio() -> Graph:
    """The trained network, log-mel windows float32 (n, 1, 498, 64) to vectors (n, 384) of length 1.

    Raises CheckpointError when a file of it is missing or another.
    """
    return Graph(WEIGHTS.with_suffix(".onnx"), WEIGHTS)
