"""Matrix products, with weights laid out once for the CPU where that is faster.

oneDNN multiplies faster when a matrix is stored in the blocks that its kernels read. torch lays it
out anew in every call, which for one short text costs more than the product: 30 ms instead of 21 ms
for 480 MB of bfloat16 matrices on two cores. ``lay_out`` does it once, and ``quantise`` as well in
8 bits. Names and shapes of other parameters stay the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Largest whole number that stands for a weight.
WEIGHT_STEPS = 127

#: In place of the length of a step where everything is 0.
SMALLEST = 1e-12


class Int8Matrix:
    """A matrix (o, i) in 8 bits, each row with a scale of its own; the rows of x likewise.

    Rows are quantised when they come (dynamic quantisation of every token), so no data is needed
    beforehand and one large token does not coarsen the others. ``steps`` is the largest whole
    number of an activation, which oneDNN wants without a sign: 63 where the processor has no VNNI,
    whose older instruction adds two products in 16 bits, which larger ones would overflow.
    """

    def __init__(self, weight: Tensor, steps: int) -> None:
        weight = weight.detach().float()
        self._steps, self._zero = steps, steps + 1
        self._scales = weight.abs().amax(1).clamp(min=SMALLEST) / WEIGHT_STEPS
        self._zeros = torch.zeros(len(weight), dtype=torch.int32)
        whole = (weight / self._scales[:, None]).round().to(torch.int8)
        self._blocks = torch.ops.onednn.qlinear_prepack(whole, None)

    def multiply(self, x: Tensor, bias: Tensor | None, *, gelu: bool) -> Tensor:
        """As ``linear``, of x (..., i); float32 inside, the type of x outside."""
        rows = x.flatten(0, -2).float()
        scales = rows.abs().amax(1, keepdim=True).clamp(min=SMALLEST) / self._steps
        whole = (rows / scales).round_().add_(self._zero).to(torch.uint8)
        product = torch.ops.onednn.qlinear_pointwise(
            whole, 1.0, self._zero, self._blocks, self._scales, self._zeros, None,
            1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        product = product * scales if bias is None else torch.addcmul(bias.float(), product, scales)
        product = functional.gelu(product) if gelu else product
        return product.to(x.dtype).view(*x.shape[:-1], -1)


def linear(
    x: Tensor, weight: Tensor | Int8Matrix, bias: Tensor | None, *, gelu: bool = False
) -> Tensor:
    """(..., i) times (o, i) transposed, plus (o,), then the exact GELU if wanted."""
    if isinstance(weight, Int8Matrix):
        return weight.multiply(x, bias, gelu=gelu)
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
    for module, name, weight in _matrices(model):
        setattr(module, name, _blocked(weight))


def quantise(model: nn.Module) -> None:
    """Store every matrix in 8 bits: for inference on this CPU only. They are no parameters then."""
    steps = 127 if has_vnni() else 63
    for module, name, weight in _matrices(model):
        delattr(module, name)
        setattr(module, name, Int8Matrix(weight, steps))


def has_vnni() -> bool:
    """Whether this CPU has instructions for products of 8 bits."""
    abilities = torch.cpu.get_capabilities()
    return any(abilities.get(name) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))


def _matrices(model: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if name == "in_proj_weight" or (name == "weight" and isinstance(module, Linear)):
                yield module, name, weight.detach()


def _blocked(weight: Tensor) -> nn.Parameter:
    able = weight.dtype is torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    stored = torch.ops.mkldnn._reorder_linear_weight(weight) if able else weight
    return nn.Parameter(stored, requires_grad=False)
