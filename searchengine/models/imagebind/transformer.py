"""The transformer all towers share: pre-norm, exact GELU, torch's own attention layout.

Shapes: b items, l tokens, d features, h heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from searchengine.models.imagebind.config import TowerSize
from searchengine.models.imagebind.linear import Linear, linear

#: Of every LayerNorm but those of the stems.
EPS = 1e-6

#: The hidden layer of a block's MLP is this many times its width.
MLP_RATIO = 4


class Attention(nn.Module):
    """Self-attention with fused projections (rows q, k, v), laid out as torch's own module has it.

    With ``extra_key`` one learnt key and value is appended after the projection: every query
    may attend to it, and there is no query of its own.
    """

    def __init__(self, width: int, heads: int, *, extra_key: bool) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = Linear(width, width)
        if extra_key:
            self.bias_k = nn.Parameter(torch.zeros(1, 1, width))
            self.bias_v = nn.Parameter(torch.zeros(1, 1, width))
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, x: Tensor, *, causal: bool) -> Tensor:
        q, k, v = linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        if hasattr(self, "bias_k"):
            k = torch.cat([k, self.bias_k.expand(len(x), 1, -1)], dim=1)  # b, l + 1, d
            v = torch.cat([v, self.bias_v.expand(len(x), 1, -1)], dim=1)
        b, _, d = q.shape
        q, k, v = (t.view(b, -1, self.heads, d // self.heads).transpose(1, 2) for t in (q, k, v))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)  # b, h, l, d/h
        projected: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return projected


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, MLP_RATIO * width)
        self.fc2 = Linear(MLP_RATIO * width, width)

    def forward(self, x: Tensor) -> Tensor:
        hidden = linear(x, self.fc1.weight, self.fc1.bias, gelu=True)
        projected: Tensor = self.fc2(hidden)
        return projected


class Block(nn.Module):
    """x + attention(norm x), then x + mlp(norm x). ``drop_path`` skips a branch when training."""

    def __init__(self, size: TowerSize, drop_path: float, *, extra_key: bool) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm_1 = nn.LayerNorm(size.width, eps=EPS)
        self.attn = Attention(size.width, size.heads, extra_key=extra_key)
        self.norm_2 = nn.LayerNorm(size.width, eps=EPS)
        self.mlp = Mlp(size.width)

    def forward(self, x: Tensor, *, causal: bool) -> Tensor:
        x = x + self._dropped(self.attn(self.norm_1(x), causal=causal))
        return x + self._dropped(self.mlp(self.norm_2(x)))

    def _dropped(self, branch: Tensor) -> Tensor:
        """Stochastic depth (Huang et al. 2016): whole items skip the branch."""
        if not self.training or self.drop_path == 0:
            return branch
        kept = torch.rand(len(branch), 1, 1, device=branch.device) >= self.drop_path
        return branch * kept / (1 - self.drop_path)


class Trunk(nn.Module):
    """Blocks, with a LayerNorm before them in the vision tower. Drop-path grows block by block."""

    def __init__(self, size: TowerSize, *, extra_key: bool, norm_first: bool) -> None:
        super().__init__()
        if norm_first:
            self.pre_transformer_layer = nn.Sequential(nn.LayerNorm(size.width, eps=EPS))
        steps = max(size.blocks - 1, 1)
        self.blocks = nn.ModuleList(
            Block(size, size.drop_path * number / steps, extra_key=extra_key)
            for number in range(size.blocks)
        )

    def forward(self, x: Tensor, *, causal: bool = False) -> Tensor:
        if hasattr(self, "pre_transformer_layer"):
            x = self.pre_transformer_layer(x)
        for block in self.blocks:
            x = block(x, causal=causal)
        return x
