"""Weights of the released names and sizes that have learnt nothing, prepared as real ones are.

    python scripts/random_weights.py FOLDER             # 7.2 GB
    python scripts/random_weights.py FOLDER text vision # of these towers alone

They take as long, and as much memory, as the real ones; what they find means nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from searchengine.models.imagebind import ImageBindConfig
from searchengine.models.imagebind.checkpoint import hollow
from searchengine.models.imagebind.config import TOWERS
from searchengine.models.imagebind.weights import (
    PRECISIONS,
    WeightFile,
    Weights,
    describe_file,
    file_name,
    write_manifest,
)


def random_weights(folder: Path, config: ImageBindConfig, towers: Sequence[str] = TOWERS) -> None:
    """Fill ``folder``; of ``towers`` that are left out the files are empty."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    files: dict[str, WeightFile] = {}
    for tower in TOWERS:
        state = random_state(config, tower) if tower in towers else {}
        for precision in PRECISIONS:
            path = folder / file_name(tower, precision)
            save_file({k: stored(v, precision) for k, v in state.items()}, path)
            files[path.name] = describe_file(path)
    write_manifest(folder, Weights("random", "0" * 64, "CC0-1.0", files))


def random_state(config: ImageBindConfig, tower: str) -> dict[str, Tensor]:
    model = hollow(config, [tower])
    return {key: random(key, tensor.shape) for key, tensor in model.state_dict().items()}


def random(key: str, shape: Sequence[int]) -> Tensor:
    """As the published initialisation: matrices of deviation 0.02, norms of one, no biases."""
    if key.endswith("log_logit_scale"):
        return torch.tensor(2.0)
    if len(shape) > 1:
        return torch.randn(*shape) * 0.02
    return torch.ones(shape) if key.endswith("weight") else torch.zeros(shape)


def stored(value: Tensor, precision: str) -> Tensor:
    return value.to(torch.bfloat16) if precision == "bf16" and value.ndim else value


if __name__ == "__main__":
    random_weights(Path(sys.argv[1]), ImageBindConfig.huge(), sys.argv[2:] or TOWERS)
