"""Preprocessed tensors to tokens: one module a kind of sensor.

Attribute names are those of the official checkpoint, odd ones included.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Of the LayerNorms inside the stems; all others have 1e-6.
STEM_EPS = 1e-5

#: CLIP's byte-pair vocabulary and context (Radford et al. 2021).
VOCABULARY = 49_408
CONTEXT = 77

#: Of the learnt tokens and positions, as in CLIP and ViT.
INIT_STD = 0.02

IMU_CHANNELS = 6
IMU_STEPS = 2_000
IMU_KERNEL = 8


def learnt(*shape: int) -> nn.Parameter:
    return nn.Parameter(nn.init.normal_(torch.empty(shape), std=INIT_STD))


class Positions(nn.Module):
    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.pos_embed = learnt(1, tokens, width)


def windows(x: Tensor, kernel: Sequence[int], stride: Sequence[int]) -> Tensor:
    """(b, c, ...) to (b, patches, c times the numbers under ``kernel``), channel by channel."""
    for number, (size, step) in enumerate(zip(kernel, stride, strict=True)):
        x = x.unfold(2 + number, size, step)  # b, c, places ..., kernel ...
    places = len(kernel)
    return x.movedim(1, 1 + places).flatten(1 + places).flatten(1, -2)


class Conv2d(nn.Conv2d):
    """A convolution of so few places is a matrix product; (b, patches, d)."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(windows(x, self.kernel_size, self.stride), self.weight.flatten(1))


class Conv3d(nn.Conv3d):
    """As ``Conv2d``; libraries are slow at this one, the more so in half precision."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(windows(x, self.kernel_size, self.stride), self.weight.flatten(1))


class Patches(nn.Module):
    """A convolution, and a LayerNorm over each patch: (b, c, ...) to (b, patches, d)."""

    def __init__(self, proj: nn.Module, width: int, *, norm: bool) -> None:
        super().__init__()
        self.proj = proj
        if norm:
            self.norm_layer = nn.LayerNorm(width, eps=STEM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.proj(x)
        normed: Tensor = self.norm_layer(tokens) if hasattr(self, "norm_layer") else tokens
        return normed


class TwoFrames(nn.Module):
    """A still has no time: its frame is shown twice. (b, 3, h, w) or (b, 3, t, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 4:
            x = x.unsqueeze(2)
        return x.expand(-1, -1, 2, -1, -1) if x.shape[2] == 1 else x


class PatchTokens(nn.Module):
    """Patches with a class token before them and a position added to each.

    ``stem_name`` is what the checkpoint calls the patches: ``depth_stem`` in the depth tower,
    ``rgbt_stem`` in all others.
    """

    def __init__(self, patches: Patches, tokens: int, width: int, stem_name: str) -> None:
        super().__init__()
        self._stem_name = stem_name
        self.cls_token = learnt(1, 1, width)
        self.add_module(stem_name, patches)
        self.pos_embedding_helper = Positions(1 + tokens, width)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.get_submodule(self._stem_name)(x)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], dim=1)
        placed: Tensor = tokens + self.pos_embedding_helper.pos_embed
        return placed


def vision_stem(width: int) -> PatchTokens:
    """(b, 3, [2,] 224, 224) to (b, 257, d): tubes of 2 frames by 14 x 14 pixels."""
    conv = Conv3d(3, width, (2, 14, 14), (2, 14, 14), bias=False)
    return PatchTokens(
        Patches(nn.Sequential(TwoFrames(), conv), width, norm=False), 16 * 16, width, "rgbt_stem"
    )


def audio_stem(width: int) -> PatchTokens:
    """(b, 1, 128, 204) log-mels to (b, 229, d): 12 rows of frequency by 19 columns of time."""
    conv = Conv2d(1, width, 16, 10, bias=False)
    return PatchTokens(Patches(conv, width, norm=True), 12 * 19, width, "rgbt_stem")


def depth_stem(width: int) -> PatchTokens:
    """(b, 1, 224, 224) to (b, 197, d)."""
    conv = Conv2d(1, width, 16, 16, bias=False)
    return PatchTokens(Patches(conv, width, norm=True), 14 * 14, width, "depth_stem")


def thermal_stem(width: int) -> PatchTokens:
    """(b, 1, 224, 224) to (b, 197, d)."""
    conv = Conv2d(1, width, 16, 16, bias=False)
    return PatchTokens(Patches(conv, width, norm=True), 14 * 14, width, "rgbt_stem")


class ImuWindows(nn.Module):
    """(b, 6, 2000) to (b, 250, d): windows of 8 steps, flattened one channel after another."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(IMU_CHANNELS * IMU_KERNEL, width, bias=False)
        self.norm_layer = nn.LayerNorm(width, eps=STEM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        cut = windows(x, (IMU_KERNEL,), (IMU_KERNEL,))  # b, 250, 48
        tokens: Tensor = self.norm_layer(self.proj(cut))
        return tokens


class ImuTokens(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.imu_stem = ImuWindows(width)
        self.cls_token = learnt(1, 1, width)
        self.pos_embed = learnt(1, 1 + IMU_STEPS // IMU_KERNEL, width)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.imu_stem(x)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], dim=1)
        placed: Tensor = tokens + self.pos_embed
        return placed


class TextTokens(nn.Module):
    """Token ids int64 (b, l <= 77) to (b, l, d)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(VOCABULARY, width)
        self.pos_embed = learnt(1, CONTEXT, width)

    def forward(self, ids: Tensor) -> Tensor:
        tokens: Tensor = self.token_embedding(ids) + self.pos_embed[:, : ids.shape[1]]
        return tokens
