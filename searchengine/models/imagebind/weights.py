"""A folder of converted weights, and ``weights.json``, which says that all of them are there.

::

    imagebind-huge/
      TOWER.safetensors        float32, as published
      TOWER.bf16.safetensors   the same rounded to bfloat16
      weights.json             written last: format, name, source, licence; bytes and SHA-256 a file

Without ``weights.json`` the folder is unfinished, whatever else lies in it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from searchengine.config import models_folder
from searchengine.errors import CheckpointError
from searchengine.models.imagebind.config import TOWERS
from searchengine.models.imagebind.release import IMAGEBIND_HUGE
from searchengine.types import Problem

MANIFEST = "weights.json"

#: Of the folder; one of another format is converted anew.
FORMAT = 1

Precision: TypeAlias = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


def file_name(tower: str, precision: Precision) -> str:
    return f"{tower}.safetensors" if precision == "fp32" else f"{tower}.{precision}.safetensors"


#: Every file of weights there has to be.
FILES = tuple(file_name(tower, precision) for tower in TOWERS for precision in PRECISIONS)


@dataclass(frozen=True, slots=True)
class WeightFile:
    """What a file has to be; ``sha256`` in lower-case hex."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Weights:
    """Converted weights: ``source_sha256`` is that of the published file, ``files`` by name."""

    name: str
    source_sha256: str
    licence: str
    files: Mapping[str, WeightFile]

    @property
    def identity(self) -> str:
        """Short, and another for every published file: 12 hex digits."""
        return self.source_sha256[:12]


def weights_folder(name: str = IMAGEBIND_HUGE.name) -> Path:
    """Where the weights of a model are kept on this machine."""
    return models_folder() / name


def installed(folder: Path) -> Weights | None:
    """The weights in ``folder``, when all are there and as long as they should be."""
    weights = read_manifest(folder)
    return weights if weights and not any(_missing_or_cut(folder, weights)) else None


def require(folder: Path) -> Weights:
    """As ``installed``; raises CheckpointError that says what is missing and how to get it."""
    weights = read_manifest(folder)
    if weights is None:
        raise missing(folder)
    for problem in _missing_or_cut(folder, weights):
        raise CheckpointError(f"{problem.path}: {problem.reason}; {cure()}")
    return weights


def missing(folder: Path) -> CheckpointError:
    """The error when there are no weights in ``folder``, with the two ways to get them."""
    return CheckpointError(f"{folder}: no weights of {IMAGEBIND_HUGE.name} here; {cure()}")


def verify(folder: Path) -> tuple[Problem, ...]:
    """Read every file and compare it with ``weights.json``; () is sound.

    Raises CheckpointError when there are no weights.
    """
    weights = read_manifest(folder)
    if weights is None:
        raise missing(folder)
    short = tuple(_missing_or_cut(folder, weights))
    spoilt = {problem.path for problem in short}
    whole = [name for name in weights.files if str(folder / name) not in spoilt]
    return (*short, *_altered(folder, weights, whole))


def describe_file(path: Path) -> WeightFile:
    """What the file is now."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return WeightFile(path.stat().st_size, digest)


def write_manifest(folder: Path, weights: Weights) -> None:
    """Declare the folder complete. Raises OSError."""
    path, part = folder / MANIFEST, folder / f"{MANIFEST}.part"
    with part.open("w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, **asdict(weights)}, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_manifest(folder: Path) -> Weights | None:
    """None when there is none, or none that this program wrote."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = {name: WeightFile(**each) for name, each in found["files"].items()}
        if found["format"] != FORMAT or files.keys() != set(FILES):
            return None
        return Weights(found["name"], str(found["source_sha256"]), found["licence"], files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _missing_or_cut(folder: Path, weights: Weights) -> Iterator[Problem]:
    for name, file in weights.files.items():
        path = folder / name
        if not path.is_file():
            yield Problem(str(path), "missing")
        elif (size := path.stat().st_size) != file.size_bytes:
            yield Problem(str(path), f"{size} bytes instead of {file.size_bytes}")


def _altered(folder: Path, weights: Weights, names: list[str]) -> Iterator[Problem]:
    for name in names:
        path = folder / name
        try:
            if describe_file(path) != weights.files[name]:
                yield Problem(str(path), "altered, its SHA-256 does not match")
        except OSError as error:
            yield Problem(str(path), f"cannot be read ({error.strerror})")


def cure() -> str:
    """Both ways to get the weights, as commands."""
    name, file = IMAGEBIND_HUGE.name, IMAGEBIND_HUGE.file_name
    size = f"{IMAGEBIND_HUGE.size_bytes / 1e9:.1f} GB"
    return (
        f"`searchengine models pull {name} --accept-licence` fetches them ({size}, "
        f"{IMAGEBIND_HUGE.licence}: for non-commercial use only), "
        f"`searchengine models pull {name} --from {file}` takes a file that you have"
    )
