"""An encoder with one sensor more: a tower trained to its space, from a folder.

::

    FOLDER/
      sensor.json           name, modality, anchor encoder, sizes, options, digest, scores, notes
      tower.safetensors     the tower, under ImageBind's names
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from searchengine.encoders.encoder import Encoder, Prepared
from searchengine.encoders.pool import pooled
from searchengine.encoders.views import views
from searchengine.errors import CheckpointError, ConfigError, SearchEngineError
from searchengine.models.imagebind import ImageBind, ImageBindConfig
from searchengine.models.imagebind.checkpoint import load_state
from searchengine.models.imagebind.options import Options
from searchengine.models.imagebind.towers import choose_device
from searchengine.types import FloatArray, Media, MediaInfo, Modality, Sampling, Span

CARD = "sensor.json"
WEIGHTS = "tower.safetensors"

#: Kinds of media whose tower can be bound anew.
SENSORS = (Modality.IMU, Modality.DEPTH, Modality.THERMAL, Modality.AUDIO)

#: Inputs that a small tower takes at a time.
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Sensor:
    """What a bound tower is. ``anchor`` is the encoder whose space it was trained to.

    ``sizes`` are fields of ImageBindConfig, ``options`` of its preprocessing; ``scores`` what was
    measured on pairs that were held out; ``notes`` where the data are from, and their licence.
    """

    name: str
    modality: Modality
    anchor: str
    anchor_identity: str
    sizes: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    notes: str = ""

    def build(self, dim: int) -> ImageBind:
        """The tower without its weights. Raises ConfigError."""
        try:
            config = ImageBindConfig(out_embed_dim=dim, **dict[str, Any](self.sizes))
        except TypeError as error:
            raise ConfigError(f"{self.name}: sizes: {error}") from error
        return ImageBind(config, [self.modality.value])


def save(folder: Path, sensor: Sensor, model: ImageBind) -> None:
    """Write a trained tower, its card last."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}, folder / WEIGHTS
    )
    card = {**asdict(sensor), "sha256": _digest(folder / WEIGHTS)}
    (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


class Bound:
    """See ``Encoder``: ``base`` for everything but one modality, which the tower encodes."""

    def __init__(self, base: Encoder, sensor: Sensor, model: ImageBind, name: str, digest: str):
        self._base, self._sensor, self._model = base, sensor, model
        self._options = Options(**sensor.options)
        self.name = name
        self.identity = f"{base.identity}+{sensor.name}@{digest[:12]}"
        self.dim = base.dim
        self.modalities = base.modalities | {sensor.modality}
        self.centers: Mapping[Modality, FloatArray] = {
            m: c for m, c in base.centers.items() if m is not sensor.modality
        }

    def sampling(self, info: MediaInfo, span: Span | None) -> Sampling:
        own = info.modality is self._sensor.modality
        return Sampling() if own else self._base.sampling(info, span)

    def preprocess(self, media: Media, modality: Modality) -> Prepared:
        if modality is not self._sensor.modality:
            return self._base.preprocess(media, modality)
        return views(media, modality, self._options)

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        if modality is not self._sensor.modality:
            return self._base.encode(batch, modality)
        if not batch:
            return np.empty((0, self.dim), np.float32)
        x = torch.from_numpy(np.concatenate(batch))
        device = next(self._model.parameters()).device
        with torch.inference_mode():
            parts = [
                self._model.embed(modality, part.to(device)) for part in torch.split(x, AT_ONCE)
            ]
        return pooled(torch.cat(parts).cpu().numpy(), batch)


def load_bound(folder: Path, load: Callable[[str, str], Encoder], device: str = "auto") -> Bound:
    """The encoder in ``folder``; ``load`` gives its anchor by name and device.

    Raises CheckpointError when the folder was altered, or its anchor is not the one it was
    trained to.
    """
    card, sensor = _read(folder)
    digest = _digest(folder / WEIGHTS)
    if digest != card.get("sha256"):
        raise CheckpointError(f"{folder / WEIGHTS}: altered since it was trained")
    base = load(sensor.anchor, device)
    if base.identity != sensor.anchor_identity:
        raise CheckpointError(
            f"{folder}: was bound to {sensor.anchor_identity}, and {sensor.anchor} is now "
            f"{base.identity}; train it again"
        )
    with torch.device("meta"):
        model = sensor.build(base.dim)
    try:
        load_state(model, load_file(folder / WEIGHTS), str(folder / WEIGHTS))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder / WEIGHTS}: cannot be read ({error})") from error
    model.eval().to(choose_device(device if base.name != "starter" else "cpu"))
    return Bound(base, sensor, model, str(folder.resolve()), digest)


def _read(folder: Path) -> tuple[dict[str, Any], Sensor]:
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        given = {name: card[name] for name in Sensor.__dataclass_fields__ if name in card}
        return card, Sensor(**{**given, "modality": Modality(card["modality"])})
    except (OSError, ValueError, KeyError, TypeError, SearchEngineError) as error:
        raise CheckpointError(f"{folder / CARD}: is no card of a bound tower ({error})") from error


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
