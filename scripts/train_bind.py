"""Bind a sensor to the space of an encoder: train its tower on files and their captions.

    python scripts/train_bind.py PAIRS OUT --name vibration --modality imu \\
        --sizes imu_embed_dim=64 imu_num_blocks=2 imu_num_heads=4 --epochs 14

PAIRS is a folder with ``metadata.jsonl``: ``file_name``, ``caption``, ``split`` (train or test).
OUT becomes a folder that ``--encoder OUT`` accepts. Run it again after a break and it goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from searchengine.encoders import registry
from searchengine.encoders.bound import SENSORS, Sensor, save
from searchengine.encoders.encoder import Encoder
from searchengine.encoders.views import views
from searchengine.media.decode import Wanted, decode
from searchengine.media.metadata import read_metadata
from searchengine.media.options import MediaOptions
from searchengine.models.imagebind import ImageBind
from searchengine.models.imagebind.binding import Epoch, Pairs, Plan, recall_at, train
from searchengine.models.imagebind.options import Options
from searchengine.types import Modality


def read_pairs(folder: Path, split: str, sensor: Sensor, anchor: Encoder) -> Pairs:
    """The files of a split, decoded and prepared, and the vectors of their captions.

    Of a file that is seen in several views (a sound) the first is learnt from.
    """
    rows = read_metadata(folder).rows
    chosen = {name: row for name, row in rows.items() if row.get("split", "train") == split}
    if not chosen:
        raise SystemExit(f"{folder}: no rows of split {split!r} in metadata.jsonl")
    seen = [_view(folder / name, row, sensor) for name, row in chosen.items()]
    captions = [str(row["caption"]) for row in chosen.values()]
    return Pairs(torch.from_numpy(np.stack(seen)), embed(anchor, captions))


def _view(path: Path, row: dict[str, Any], sensor: Sensor) -> Any:
    options = MediaOptions().with_row(row)
    (media,) = decode(path, sensor.modality, [Wanted()], options)
    return views(media, sensor.modality, Options(**sensor.options))[0]


def embed(anchor: Encoder, texts: Sequence[str]) -> torch.Tensor:
    """Unit vectors float32 (n, d), each different text encoded once."""
    once = list(dict.fromkeys(texts))
    prepared = [anchor.preprocess(text, Modality.TEXT) for text in once]
    vectors = dict(zip(once, anchor.encode(prepared, Modality.TEXT), strict=True))
    return torch.from_numpy(np.stack([vectors[text] for text in texts]))


def scores(model: ImageBind, tower: str, pairs: Pairs) -> dict[str, float]:
    """How often the right one of all captions in ``pairs`` is found, and by chance."""
    gallery = torch.unique(pairs.anchors, dim=0)
    device = next(model.parameters()).device
    with torch.inference_mode():
        parts = [model.embed(tower, x.to(device)).cpu() for x in pairs.inputs.split(32)]
    vectors = torch.cat(parts)
    found = {f"recall@{k}": recall_at(vectors, pairs.anchors, gallery, k) for k in (1, 5)}
    return {**found, "chance recall@1": 1 / len(gallery), "queries": float(len(pairs))}


def sizes(words: Sequence[str]) -> dict[str, float]:
    """``name=value`` words; all are whole numbers but drop-path rates."""
    named = [word.partition("=") for word in words]
    return {n: float(v) if n.endswith("drop_path") else int(v) for n, _, v in named}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--name", required=True, help="what the sensor is called")
    parser.add_argument("--modality", choices=[s.value for s in SENSORS], required=True)
    parser.add_argument("--anchor", default="starter", help="encoder to whose space it is bound")
    parser.add_argument("--sizes", nargs="*", default=[], help="fields of ImageBindConfig")
    parser.add_argument("--options", default="{}", help="preprocessing options, as JSON")
    parser.add_argument("--notes", default="", help="where the data are from; their licence")
    parser.add_argument("--device", default="cpu")
    for name, default in asdict(Plan()).items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    anchor = registry.load(given.anchor, given.device)
    sensor = Sensor(
        name=given.name,
        modality=Modality(given.modality),
        anchor=given.anchor,
        anchor_identity=anchor.identity,
        sizes=sizes(given.sizes),
        options=json.loads(given.options),
        notes=given.notes,
    )
    learn(given, anchor, sensor)


def learn(given: argparse.Namespace, anchor: Encoder, sensor: Sensor) -> None:
    plan = Plan(**{name: getattr(given, name) for name in Plan.__dataclass_fields__})
    torch.manual_seed(plan.seed)
    model = sensor.build(anchor.dim).to(given.device)
    learnt, unseen = (read_pairs(given.pairs, s, sensor, anchor) for s in ("train", "test"))
    start = time.perf_counter()

    def say(epoch: Epoch) -> None:
        told = ", ".join(f"{k} {v:.3g}" for k, v in scores(model, sensor.modality, unseen).items())
        took = time.perf_counter() - start
        print(f"epoch {epoch.number}/{plan.epochs} loss {epoch.loss:.3f}, {took:.0f} s; {told}")

    given.out.mkdir(parents=True, exist_ok=True)
    train(model, sensor.modality, learnt, plan, given.out / "training.pt", say)
    save(given.out, replace(sensor, scores=scores(model, sensor.modality, unseen)), model)
    print(f"{given.out}: use it with --encoder {given.out}")


if __name__ == "__main__":
    main()
