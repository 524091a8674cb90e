"""Train the starter encoder's depth network (searchengine/models/starter/depth.safetensors).

    python scripts/train_starter_depth.py --out FILE

It learns from maps that render_depth.py draws, and nothing else. Those it is scored on are other
instances, from sizes, cameras and ranges wider by a quarter than those learned from. A quarter of
an hour on a core.

To ship other weights, run make_starter_graphs.py, and put the digests of the weights and of the
graph into searchengine/models/starter/packaged.py.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from render_depth import Random, render
from safetensors.torch import save_file
from starter_networks import DepthNet
from torch import Tensor
from torch.nn import functional

from searchengine.models.starter.depth import KINDS, prepare
from searchengine.models.starter.text import TextNet, tokenize
from searchengine.types import FloatArray

LICENCES = {
    "maps": "drawn by scripts/render_depth.py",
    "words": "text embeddings of phrases by all-MiniLM-L6-v2, Apache-2.0",
}
#: Ways to say each of KINDS; its vector is their mean.
PHRASES = {
    "chair": ("a chair", "chair", "a dining chair"),
    "table": ("a table", "table", "a dining table"),
    "sofa": ("a sofa", "sofa", "a couch"),
    "bed": ("a bed", "bed", "a bed with pillows"),
    "bookshelf": ("a bookshelf", "bookshelf", "shelves with books"),
    "lamp": ("a floor lamp", "lamp", "a standing lamp"),
    "person": ("a person", "person", "someone standing"),
    "stairs": ("stairs", "a staircase", "steps of a stair"),
    "corridor": ("a corridor", "corridor", "a long hallway"),
    "room": ("an empty room", "room", "walls of a room"),
    "doorway": ("a doorway", "doorway", "a door in a wall"),
    "tree": ("a tree", "tree", "a tree with leaves"),
    "car": ("a car", "car", "a parked car"),
    "street": ("a street", "street", "buildings along a road"),
    "boxes": ("a stack of boxes", "boxes", "cardboard boxes"),
    "ball": ("a ball", "ball", "a ball on the floor"),
    "toilet": ("a toilet", "toilet", "a toilet bowl"),
}
#: Words that were not learned from, written down before they were tried.
UNSEEN = {
    "chair": "a seat with a backrest",
    "table": "a desk",
    "sofa": "a settee in the living room",
    "bed": "somewhere to sleep",
    "bookshelf": "a bookcase full of novels",
    "lamp": "a light on a stand",
    "person": "a man",
    "stairs": "the way up to the next floor",
    "corridor": "a narrow passage inside a building",
    "room": "an unfurnished bedroom",
    "doorway": "an open door",
    "tree": "an oak",
    "car": "an automobile",
    "street": "a city avenue with houses",
    "boxes": "parcels piled up",
    "ball": "a football",
    "toilet": "a lavatory",
}
WIDER = 1.25
BATCH, LEARNING_RATE = 48, 2e-3


def draw(count: int, seed: int, wider: float = 1.0) -> tuple[Tensor, Tensor]:
    """``count`` maps of each kind, float16 (n, 3, 96, 128), and their kinds."""
    random = np.random.default_rng(seed)
    kinds = [kind for kind in range(len(KINDS)) for _ in range(count)]
    maps = np.empty((len(kinds), 3, 96, 128), np.float16)
    for at, kind in enumerate(kinds):
        maps[at] = drawn(KINDS[kind], random, wider)
    return torch.from_numpy(maps), torch.tensor(kinds)


def drawn(kind: str, random: Random, wider: float) -> FloatArray:
    """A map with something in it: a camera may look at nothing in its range."""
    while True:
        depth = render(kind, random, wider)
        if depth.valid.mean() > 0.1:
            return prepare(depth)


def augment(maps: Tensor, random: Random) -> Tensor:
    """Mirrored, cut closer, other scales of metres, patches that were not measured."""
    flipped = torch.where(
        torch.from_numpy(random.random((len(maps), 1, 1, 1)) < 0.5), maps.flip(3), maps
    )
    seen = flipped[:, 2:]
    scale = torch.from_numpy(random.normal(0, 0.08, (len(maps), 1, 1, 1)).astype(np.float32))
    moved = torch.cat([flipped[:, :1], (flipped[:, 1:2] + scale) * seen, seen], 1)
    zoom = random.uniform(0.75, 1.0)
    height, width = round(96 * zoom), round(128 * zoom)
    top, left = random.integers(0, 97 - height), random.integers(0, 129 - width)
    cut = moved[..., top : top + height, left : left + width]
    resized = functional.interpolate(cut, (96, 128), mode="nearest")
    y, x = random.integers(0, 96), random.integers(0, 128)
    resized[..., y : y + random.integers(1, 30), x : x + random.integers(1, 30)] = 0
    return resized


def train(maps: Tensor, kinds: Tensor, words: Tensor, epochs: int, seed: int) -> DepthNet:
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = DepthNet().to(memory_format=torch.channels_last)
    network.words.copy_(words)
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.05)
    steps = epochs * (len(kinds) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps)
    for epoch in range(epochs):
        began, losses = time.monotonic(), []
        order = torch.from_numpy(random.permutation(len(kinds))[: steps // epochs * BATCH])
        for chosen in torch.split(order, BATCH):
            logits = network.logits(augment(maps[chosen].float(), random))
            loss = functional.cross_entropy(logits, kinds[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        took_s = time.monotonic() - began
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, {took_s:.0f} s", flush=True)
    return network.eval()


def embed(phrases: list[str]) -> Tensor:
    return torch.from_numpy(TextNet()([tokenize(phrase) for phrase in phrases]))


@torch.inference_mode()
def score(network: DepthNet, maps: Tensor, kinds: Tensor) -> dict[str, object]:
    """Right of the 17 texts, and mean average precision text to depth, beside chance 0.06."""
    vectors = torch.cat([network(part.float()) for part in torch.split(maps, 64)])
    scored: dict[str, object] = {}
    for name, said in (
        ("labels", [PHRASES[k][0] for k in KINDS]),
        ("unseen words", [*UNSEEN.values()]),
    ):
        similarity = (vectors @ embed(said).T).numpy()
        right = similarity.argmax(1) == kinds.numpy()
        precisions = [
            average_precision(similarity[:, i], kinds.numpy() == i) for i in range(len(KINDS))
        ]
        scored[name] = {
            "accuracy": round(float(right.mean()), 4),
            "mean average precision": round(float(np.mean(precisions)), 4),
            "each": {
                k: round(float(right[kinds.numpy() == i].mean()), 2) for i, k in enumerate(KINDS)
            },
        }
    return scored


def average_precision(similarity: FloatArray, relevant: npt.NDArray[np.bool_]) -> float:
    hits = relevant[np.argsort(-similarity, kind="stable")]
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="without it, only the scores are shown")
    parser.add_argument("--each", type=int, default=500, help="maps of a kind to learn from")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    words = torch.stack([functional.normalize(embed([*PHRASES[k]]).mean(0), dim=0) for k in KINDS])
    network = train(*draw(args.each, args.seed), words, args.epochs, args.seed)
    record: dict[str, object] = {"licences": LICENCES, "seed": args.seed, "epochs": args.epochs}
    record["maps"] = {"learned": args.each * len(KINDS), "scored": 60 * len(KINDS)}
    record["split"] = f"scored: other instances, from ranges {WIDER} times as wide"
    record["scores"] = score(network, *draw(60, args.seed + 1, WIDER))
    print(json.dumps(record, indent=1))
    if args.out:
        tensors = {
            n: x.half().contiguous() if x.is_floating_point() else x
            for n, x in network.state_dict().items()
        }
        save_file(tensors, args.out, {key: json.dumps(value) for key, value in record.items()})


if __name__ == "__main__":
    main()
