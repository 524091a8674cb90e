"""Matrix products, with weights laid out once for the CPU where that is faster.

oneDNN multiplies faster when a matrix is stored in the blocks that its kernels read. torch lays it
out anew in every call, which for one short text costs more than the product: 30 ms instead of 21 ms
for 480 MB of bfloat16 matrices on two cores. ``lay_out`` does it once, and ``quantise`` as well in
8 bits. Names and shapes of other parameters stay the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Largest whole number that stands for a weight.
WEIGHT_STEPS = 127

#: Up to so many rows, reading the matrix costs more than multiplying it twice.
FEW_ROWS = 32

#: In place of the length of a step where everything is 0.
SMALLEST = 1e-12


class Int8Matrix:
    """A matrix (o, i) in 8 bits, each row with a scale of its own; the rows of x likewise.

    Rows are quantised when they come (dynamic quantisation of every token), so no data is needed
    beforehand and one large token does not coarsen the others. Few rows, whose cost is reading the
    matrix, come in two parts, the second what the first leaves over: then only the matrix is
    rounded. ``steps`` is the largest whole number of a row, which oneDNN wants without a sign: 63
    where the processor has no VNNI, whose older instruction adds two products in 16 bits, which
    larger ones would overflow.
    """

    def __init__(self, weight: Tensor, steps: int) -> None:
        weight = weight.detach().float()
        self._steps = steps
        self._middle = torch.tensor(steps + 1.5)  # whole numbers are cut, not rounded
        self._scales = weight.abs().amax(1).clamp(min=SMALLEST) / WEIGHT_STEPS
        self._zeros = torch.zeros(len(weight), dtype=torch.int32)
        whole = (weight / self._scales[:, None]).round().to(torch.int8)
        self._blocks = torch.ops.onednn.qlinear_prepack(whole, None)

    def multiply(self, x: Tensor, bias: Tensor | None, *, gelu: bool) -> Tensor:
        """As ``linear``, of x (..., i), in its type."""
        rows = x.flatten(0, -2)
        scales = torch.linalg.vector_norm(rows, math.inf, dim=1, keepdim=True, dtype=torch.float32)
        scales = scales.clamp_(min=SMALLEST) / self._steps
        product = (
            self._exactly(rows / scales) if len(rows) <= FEW_ROWS else self._times(rows, scales)
        )
        scales = scales.to(product.dtype)
        product = product * scales if bias is None else torch.addcmul(bias, product, scales)
        product = functional.gelu(product) if gelu else product
        return product.to(x.dtype).view(*x.shape[:-1], -1)

    def _times(self, rows: Tensor, scales: Tensor) -> Tensor:
        whole = torch.addcmul(self._middle, rows, scales.reciprocal()).to(torch.uint8)
        return self._product(whole, rows.dtype)

    def _exactly(self, rows: Tensor) -> Tensor:
        """``rows`` in steps, float32."""
        whole = rows.round()
        rest = (rows - whole) * (2 * self._steps)
        parts = (torch.cat([whole, rest]) + self._middle).to(torch.uint8)
        first, second = self._product(parts, torch.float32).chunk(2)
        return torch.add(first, second, alpha=1 / (2 * self._steps))

    def _product(self, whole: Tensor, dtype: torch.dtype) -> Tensor:
        product: Tensor = torch.ops.onednn.qlinear_pointwise(
            whole, 1.0, self._steps + 1, self._blocks, self._scales, self._zeros, None,
            1.0, 0, dtype, "none", [], "",
        )  # fmt: skip
        return product


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
