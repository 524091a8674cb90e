"""Matrix products, with weights laid out once for the CPU where that is faster.

oneDNN multiplies bfloat16 faster when a matrix is stored in the blocks that its kernels read. torch
lays it out anew in every call, which for one short text costs more than the product: 30 ms
instead of 21 ms for 480 MB of matrices on two cores. ``lay_out`` does it once. Names and shapes of
parameters stay the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, *, gelu: bool = False) -> Tensor:
    """(..., i) times (o, i) transposed, plus (o,), then the exact GELU if wanted."""
    if weight.is_mkldnn:
        activation = "gelu" if gelu else "none"
        fused: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], "none")
        return fused
    product = functional.linear(x, weight, bias)
    return functional.gelu(product) if gelu else product


class Linear(nn.Linear):
    """torch's own, through ``linear``."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


def lay_out(model: nn.Module) -> None:
    """Store every matrix of ``model`` in oneDNN's blocks: for inference on this CPU only.

    The parameters are replaced one by one, so that mapped ones are let go. Does nothing where
    this torch has no oneDNN for their type.
    """
    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if name == "in_proj_weight" or (name == "weight" and isinstance(module, Linear)):
                setattr(module, name, _blocked(weight.detach()))


def _blocked(weight: Tensor) -> nn.Parameter:
    able = weight.dtype is torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    stored = torch.ops.mkldnn._reorder_linear_weight(weight) if able else weight
    return nn.Parameter(stored, requires_grad=False)
