"""The official checkpoint: checked key by key, kept as one safetensors file a tower.

``imagebind_huge.pth`` is 4.8 GB of pickle. It is read once, by torch's restricted unpickler, and
stored so that a tower can be mapped into memory, in either precision, without touching the others.
"""

from __future__ import annotations

import math
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

from searchengine.errors import CheckpointError
from searchengine.models.imagebind.config import TOWERS, ImageBindConfig
from searchengine.models.imagebind.download import PART, unwritable
from searchengine.models.imagebind.heads import SCALES
from searchengine.models.imagebind.model import ImageBind
from searchengine.models.imagebind.release import (
    IMAGEBIND_HUGE,
    OnProgress,
    Release,
    check,
    quietly,
)
from searchengine.models.imagebind.weights import (
    MANIFEST,
    PRECISIONS,
    Precision,
    WeightFile,
    Weights,
    cure,
    describe_file,
    file_name,
    require,
    write_manifest,
)

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
    keys that are missing, foreign, misshapen or not real numbers; then nothing has changed.
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
    whole = sorted(
        f"{key} {state[key].dtype}"
        for key in ours.keys() & state.keys()
        if not state[key].is_floating_point()
    )
    problems = {
        "missing": missing,
        "foreign": foreign,
        "misshapen": misshapen,
        "not of real numbers": whole,
    }
    said = [f"{len(keys)} {what}: {_listed(keys)}" for what, keys in problems.items() if keys]
    if said:
        raise CheckpointError(f"{source}: does not fit this model; " + "; ".join(said))


def convert(
    official: Path,
    folder: Path,
    release: Release = IMAGEBIND_HUGE,
    on_progress: OnProgress = quietly,
) -> Weights:
    """Store the published file in ``folder`` as weights.py describes; it is left as it is.

    A tower at a time is in memory. Raises WrongFile when ``official`` is not the file of
    ``release``, CheckpointError when it does not hold that model or ``folder`` cannot be written.
    """
    check(release, official, on_progress)
    state = _read(official)
    check_keys(hollow(release.config, TOWERS), state, str(official))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        with _scratch(folder) as scratch:
            files = dict(_written(state, scratch, folder, release, on_progress))
        weights = Weights(release.name, release.sha256, release.licence, files)
        write_manifest(folder, weights)
    except (OSError, SafetensorError) as error:
        raise unwritable(folder, error) from error
    return weights


def load_tower(
    folder: Path,
    tower: str,
    config: ImageBindConfig | None = None,
    precision: Precision = "fp32",
) -> ImageBind:
    """A model of one tower, ready to use, its weights mapped from ``folder``.

    Memory is taken when they are first read; what is written into them stays out of the file. No
    gradients are kept. With ``bf16`` every parameter is bfloat16; single numbers, the logit
    scales, stay float32. Raises CheckpointError when weights are missing, cut or of another
    model.
    """
    require(folder)
    path = folder / file_name(tower, precision)
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}); {cure()}") from error
    model = hollow(config or ImageBindConfig.huge(), [tower])
    load_state(model, state, str(path))
    return model.eval().requires_grad_(False)


class _Uninitialised(TorchFunctionMode):
    """``nn.init`` does nothing: on the meta device it would take a second to import a compiler."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if getattr(func, "__module__", None) == init.__name__:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def hollow(config: ImageBindConfig, towers: Sequence[str]) -> ImageBind:
    """A model whose tensors have shapes but nothing in them."""
    with torch.device("meta"), _Uninitialised():
        return ImageBind(config, towers)


def _read(official: Path) -> Mapping[str, Tensor]:
    """Nothing in it is run. Mapped, not read, unless it is of the format before torch 1.6."""
    mapped = zipfile.is_zipfile(official)
    try:
        state = torch.load(official, map_location="cpu", weights_only=True, mmap=mapped)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError) as error:
        raise CheckpointError(f"{official}: not a readable checkpoint ({error})") from error
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise CheckpointError(f"{official}: not a state dict of tensors")
    return state


def _written(
    state: Mapping[str, Tensor],
    scratch: Path,
    folder: Path,
    release: Release,
    on_progress: OnProgress,
) -> Iterator[tuple[str, WeightFile]]:
    """Write every file; yields what each has become."""
    said = {"source": f"{release.name}, {release.licence}, SHA-256 {release.sha256}"}
    total_bytes = sum(value.nbytes for value in state.values()) * 3 // 2
    done_bytes = 0
    for tower, precision in product(TOWERS, PRECISIONS):
        on_progress("converting", done_bytes, total_bytes)
        path = scratch / file_name(tower, precision)
        _save(_tensors(state, tower, precision), path, said)
        file = describe_file(path)
        path.replace(folder / path.name)
        done_bytes += file.size_bytes
        yield path.name, file
    on_progress("converting", total_bytes, total_bytes)


def _tensors(state: Mapping[str, Tensor], tower: str, precision: Precision) -> dict[str, Tensor]:
    """What a tower's file holds."""
    mine = {k: v for k, v in state.items() if k.split(".")[1] == tower and k != MASK}
    if precision == "bf16":
        mine = {key: _rounded(value) for key, value in mine.items()}
    return {key: value.contiguous() for key, value in mine.items()}


def _rounded(value: Tensor) -> Tensor:
    single = value.ndim == 0 or not value.is_floating_point()
    return value if single else value.to(torch.bfloat16)


def _save(tensors: dict[str, Tensor], path: Path, said: dict[str, str]) -> None:
    """All of it on the disk, and for those to read who may read our other files."""
    path.touch()
    mode = path.stat().st_mode
    save_file(tensors, path, metadata=said)  # by a file that is ours alone to read
    path.chmod(mode)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for files that are being written; what was left there by a kill goes too."""
    scratch = folder / f"towers{PART}"
    scratch.mkdir(exist_ok=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _constant(key: str) -> Tensor:
    """The published value of a logit scale that a checkpoint left out."""
    return torch.tensor(math.log(SCALES[key.split(".")[1]]))


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return ", ".join(keys[:NAMED]) + more
