"""The encoders there are, by name; options follow the name as in a URL, ``name?option=value``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qsl

from searchengine.config import DEVICES
from searchengine.encoders.encoder import Encoder
from searchengine.errors import ConfigError, UnknownEncoder
from searchengine.types import EncoderInfo, Modality

#: Makes the encoder that a user named, from its options and a device.
Load: TypeAlias = Callable[[str, Mapping[str, str], str], Encoder]


def _starter(name: str, options: Mapping[str, str], device: str) -> Encoder:
    from searchengine.encoders.starter import Starter

    if options:
        raise ConfigError(f"{name}: starter has no options")
    if device == "cuda":
        raise ConfigError("starter runs on the CPU only; use --device cpu or auto")
    return Starter()


def _imagebind(name: str, options: Mapping[str, str], device: str) -> Encoder:
    from searchengine.encoders.imagebind import ImageBindEncoder
    from searchengine.models.imagebind.options import Options
    from searchengine.models.imagebind.weights import weights_folder

    chosen = Options.from_text(options)
    return ImageBindEncoder(weights_folder(), name=name, options=chosen, device=device)


_ENCODERS: dict[str, tuple[EncoderInfo, Load]] = {
    "starter": (
        EncoderInfo(
            name="starter",
            dim=384,
            modalities=tuple(Modality),
            licence="Apache-2.0 weights, some trained on CC BY recordings (docs/starter.md)",
            summary="small, offline, on any CPU; everyday things and sounds",
        ),
        _starter,
    ),
    "imagebind-huge": (
        EncoderInfo(
            name="imagebind-huge",
            dim=1024,
            modalities=tuple(Modality),
            licence="CC BY-NC-SA 4.0 weights (non-commercial)",
            summary="everything with everything; 4.8 GB to fetch (models pull), a GPU is welcome",
        ),
        _imagebind,
    ),
}


def load(name: str, device: str = "auto") -> Encoder:
    """The encoder of ``name``, such as ``starter`` or ``imagebind-huge?imu_rate_hz=100``.

    A path is a folder with a tower that was bound to one of them (see bound.py).

    Raises UnknownEncoder for a name, ConfigError for an option or device that does not exist,
    CheckpointError when its weights are not on this machine.
    """
    if device not in DEVICES:
        raise ConfigError(f"no device {device!r}; choose from {', '.join(DEVICES)}")
    if os.sep in name and Path(name).is_dir():
        from searchengine.encoders.bound import load_bound

        return load_bound(Path(name), load, device)
    known, _, options = name.partition("?")
    if known not in _ENCODERS:
        raise UnknownEncoder(
            f"no encoder {name!r}; those here are: {', '.join(_ENCODERS)}; or a folder, as ./{name}"
        )
    return _ENCODERS[known][1](name, dict(parse_qsl(options, keep_blank_values=True)), device)


def describe() -> tuple[EncoderInfo, ...]:
    """Every encoder, without loading any."""
    return tuple(info for info, _ in _ENCODERS.values())
