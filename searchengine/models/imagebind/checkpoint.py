"""The official checkpoint: checked key by key, kept as one safetensors file a tower.

``imagebind_huge.pth`` is 4.8 GB of pickle. It is read once, by torch's restricted unpickler, and
stored so that a tower can be mapped into memory without touching the others.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from searchengine.errors import CheckpointError
from searchengine.models.imagebind.config import TOWERS, ImageBindConfig
from searchengine.models.imagebind.heads import SCALES
from searchengine.models.imagebind.model import ImageBind

#: The causal mask, which we rebuild.
MASK = "modality_preprocessors.text.mask"

#: Constants that a checkpoint may bring or leave out.
DROPPABLE = frozenset(
    {
        MASK,
        *(f"modality_postprocessors.{tower}.1.log_logit_scale" for tower in TOWERS),
    }
)

#: Keys named in an error; more are counted.
NAMED = 5


def load_state(model: ImageBind, state: Mapping[str, Tensor], source: str = "weights") -> None:
    """Put ``state`` into a model, which may be on the meta device: tensors are taken, not copied.

    Constants that ``state`` lacks get their published values. Raises CheckpointError naming the
    keys that are missing, foreign or misshapen; then nothing has changed.
    """
    check_keys(model, state, source)
    ours = model.state_dict()
    taken = {key: state[key] if key in state else _constant(key) for key in ours}
    model.load_state_dict(taken, assign=True)


def check_keys(model: ImageBind, state: Mapping[str, Tensor], source: str) -> None:
    """Raise CheckpointError unless ``state`` is all of this model and nothing else."""
    ours = model.state_dict()
    missing = sorted(ours.keys() - state.keys() - DROPPABLE)
    foreign = sorted(state.keys() - ours.keys() - DROPPABLE)
    misshapen = sorted(
        f"{key} {tuple(state[key].shape)} instead of {tuple(ours[key].shape)}"
        for key in ours.keys() & state.keys()
        if ours[key].shape != state[key].shape
    )
    problems = {"missing": missing, "foreign": foreign, "misshapen": misshapen}
    said = [f"{len(keys)} {what}: {_listed(keys)}" for what, keys in problems.items() if keys]
    if said:
        raise CheckpointError(f"{source}: does not fit this model; " + "; ".join(said))


def convert(official: Path, folder: Path, config: ImageBindConfig | None = None) -> list[Path]:
    """Store ``imagebind_huge.pth`` as ``TOWER.safetensors`` files; each is there whole or not.

    Raises CheckpointError when the file is truncated, altered, foreign, or does not fit
    ``config`` (the released sizes by default).
    """
    try:
        state = torch.load(official, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError) as error:
        raise CheckpointError(f"{official}: not a readable checkpoint ({error})") from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CheckpointError(f"{official}: not a state dict of tensors")
    with torch.device("meta"):
        model = ImageBind(config or ImageBindConfig.huge())
    check_keys(model, state, str(official))
    folder.mkdir(parents=True, exist_ok=True)
    return [_save(tower, state, folder) for tower in TOWERS]


def load_tower(folder: Path, tower: str, config: ImageBindConfig | None = None) -> ImageBind:
    """A model of one tower, its weights mapped from ``folder``; ready to use.

    Raises CheckpointError when the file is missing, truncated or of another model.
    """
    path = folder / f"{tower}.safetensors"
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}); convert it again") from error
    with torch.device("meta"):
        model = ImageBind(config or ImageBindConfig.huge(), [tower])
    load_state(model, state, str(path))
    return model.eval()


def _save(tower: str, state: Mapping[str, Tensor], folder: Path) -> Path:
    """One tower's tensors, under a temporary name until they are all there."""
    mine = {
        key: value.contiguous()
        for key, value in state.items()
        if key.split(".")[1] == tower and key != MASK
    }
    path, part = folder / f"{tower}.safetensors", folder / f"{tower}.safetensors.part"
    try:
        save_file(mine, part)
        part.replace(path)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise CheckpointError(f"{path}: cannot be written ({error})") from error
    return path


def _constant(key: str) -> Tensor:
    """The published value of a logit scale that a checkpoint left out."""
    return torch.tensor(math.log(SCALES[key.split(".")[1]]))


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return ", ".join(keys[:NAMED]) + more
