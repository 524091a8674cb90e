"""The encoders there are, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from searchengine.config import DEVICES
from searchengine.encoders.encoder import Encoder
from searchengine.errors import ConfigError, UnknownEncoder
from searchengine.types import Modality


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """What there is to know of an encoder before loading it."""

    name: str
    dim: int
    modalities: tuple[Modality, ...]
    licence: str
    summary: str


def _starter(device: str) -> Encoder:
    from searchengine.encoders.starter import Starter

    if device == "cuda":
        raise ConfigError("starter runs on the CPU only; use --device cpu or auto")
    return Starter()


_ENCODERS: dict[str, tuple[EncoderInfo, Callable[[str], Encoder]]] = {
    "starter": (
        EncoderInfo(
            name="starter",
            dim=384,
            modalities=(Modality.TEXT, Modality.IMAGE, Modality.VIDEO, Modality.AUDIO),
            licence="Apache-2.0 weights; sound further trained on CC BY 3.0 recordings",
            summary="small, offline, on any CPU; everyday things and sounds",
        ),
        _starter,
    ),
}


def load(name: str, device: str = "auto") -> Encoder:
    """Raises UnknownEncoder for a name, ConfigError for a device that does not exist."""
    if device not in DEVICES:
        raise ConfigError(f"no device {device!r}; choose from {', '.join(DEVICES)}")
    if name not in _ENCODERS:
        raise UnknownEncoder(f"no encoder {name!r}; those here are: {', '.join(_ENCODERS)}")
    return _ENCODERS[name][1](device)


def describe() -> tuple[EncoderInfo, ...]:
    """Every encoder, without loading any."""
    return tuple(info for info, _ in _ENCODERS.values())
