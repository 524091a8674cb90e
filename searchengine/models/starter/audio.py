"""Sound into the text space: YAMNet's layers, then words weighed by how likely they are.

The network is MobileNet v1 as YAMNet has it (Plakal & Ellis, TensorFlow models, Apache-2.0),
batch norms folded in, trained further by ``scripts/train_starter_audio.py``. It hears six moments
of a window of five seconds. The vector is a mixture of text embeddings, one for each of AudioSet's
521 classes, weighed by how likely that class is (ConSE, Norouzi et al. 2014): a sound lands near
the words for it.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.functional import melscale_fbanks, resample

from searchengine.errors import CheckpointError
from searchengine.models.starter.packaged import intact
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

WINDOW_SAMPLES = 5 * RATE_HZ
#: Anything shorter is one event with silence after it, repeated to fill the window.
MIN_SAMPLES = RATE_HZ
#: A shorter end than this (encoders pad sounds by some hundredths) gets no window of its own.
TAIL_SAMPLES = RATE_HZ // 4
FRAMES = 1 + (WINDOW_SAMPLES - FRAME_SAMPLES) // HOP_SAMPLES

CLASSES = 521
DIM = 384
#: Width and stride of each separable block of MobileNet v1.
BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
#: YAMNet looks at 0.96 s, no more; six such moments cover a window.
PATCH_FRAMES = 96
PATCH_HOP_FRAMES = 80


def at_rate(samples: FloatArray, rate_hz: int) -> FloatArray:
    """float32 (n,) at ``rate_hz``, resampled to 16 kHz. Raises ValueError above 7 MHz."""
    ratio = Fraction(RATE_HZ, rate_hz).limit_denominator(PERIOD_SAMPLES)
    if not ratio:
        raise ValueError(f"{rate_hz} samples a second are too many to be a sound")
    resampled = resample(torch.from_numpy(samples), ratio.denominator, ratio.numerator)
    heard: FloatArray = resampled.numpy()
    return heard


def log_mel(samples: FloatArray) -> FloatArray:
    """Windows of five seconds, float32 (windows, 1, 498, 64), of sound at 16 kHz.

    ``samples`` float32 (n,) in [-1, 1]. What is shorter than a window is repeated to fill it;
    the last window of what is longer ends where the sound does.
    """
    if samples.ndim != 1:
        raise ValueError(f"log_mel takes samples of one channel, not an array {samples.shape}")
    windows = torch.from_numpy(np.stack(_windows(np.asarray(samples, np.float32))))
    frames = windows.unfold(1, FRAME_SAMPLES, HOP_SAMPLES) * torch.hann_window(FRAME_SAMPLES)
    magnitude = torch.fft.rfft(frames, FFT_SAMPLES).abs()
    bands = melscale_fbanks(FFT_SAMPLES // 2 + 1, *MEL_RANGE_HZ, MELS, RATE_HZ)
    mels: FloatArray = torch.log(magnitude @ bands + LOG_OFFSET)[:, None].numpy()
    return mels


def _windows(samples: FloatArray) -> list[FloatArray]:
    if len(samples) < WINDOW_SAMPLES:
        event = np.pad(samples, (0, max(MIN_SAMPLES - len(samples), 0)))
        return [np.resize(event, WINDOW_SAMPLES)]
    last = len(samples) - WINDOW_SAMPLES
    starts = [*range(0, last, WINDOW_SAMPLES), last]
    if len(starts) > 1 and last - starts[-2] < TAIL_SAMPLES:
        starts.pop()
    return [samples[start : start + WINDOW_SAMPLES] for start in starts]


class _Conv(nn.Module):
    """A convolution padded as TensorFlow pads, and a ReLU up to 6."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, groups=groups)
        self.padding = {1: (0, 0, 0, 0), 3: (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1)}[size]

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu6(self.conv(functional.pad(x, self.padding)))


class AudioNet(nn.Module):
    """Log-mel windows float32 (n, 1, frames, 64) to vectors (n, 384) of length 1."""

    words: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers, width = [_Conv(1, 32, 3, 2)], 32
        for outputs, stride in BLOCKS:
            layers += [_Conv(width, width, 3, stride, groups=width), _Conv(width, outputs, 1, 1)]
            width = outputs
        self.trunk = nn.Sequential(*layers)
        self.classify = nn.Linear(width, CLASSES)
        self.sharpness = nn.Parameter(torch.ones(()))
        self.prior = nn.Parameter(torch.zeros(CLASSES))
        self.register_buffer("words", torch.zeros(CLASSES, DIM))

    def moments(self, mels: Tensor) -> Tensor:
        """Logits of the classes at each moment, (n, moments, 521)."""
        patches = mels.unfold(2, PATCH_FRAMES, PATCH_HOP_FRAMES).permute(0, 2, 1, 4, 3)
        features = self.trunk(patches.flatten(0, 1)).mean((2, 3))
        logits: Tensor = self.classify(features)
        return logits.reshape(*patches.shape[:2], CLASSES)

    def forward(self, mels: Tensor) -> Tensor:
        weights = self.weigh(self.moments(mels))
        return functional.normalize(weights @ self.words, dim=1)

    def weigh(self, moments: Tensor) -> Tensor:
        """How much each class counts, (n, 521), summing to 1, from its mean likelihood."""
        likelihoods = functional.logsigmoid(moments).logsumexp(1)
        return torch.softmax(self.sharpness * likelihoods + self.prior, dim=1)


def load_audio(path: Path | None = None) -> AudioNet:
    """The trained network, ready to use; ``path`` defaults to the weights that come with it.

    Raises CheckpointError when the file is missing, broken or of another network.
    """
    path = path or intact(WEIGHTS)
    network = AudioNet()
    try:
        network.load_state_dict({name: x.float() for name, x in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = "not the weights of the starter's sound network; reinstall searchengine"
        raise CheckpointError(f"{path}: {reason} ({error})") from error
    return network.eval().to(memory_format=torch.channels_last)
