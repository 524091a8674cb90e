"""Train the starter encoder's motion network (searchengine/models/starter/imu.safetensors).

    python scripts/train_starter_imu.py UCI_HAR.npz --out FILE

``UCI_HAR.npz`` holds windows of UCI HAR's training split (Anguita et al. 2013, CC BY 4.0):
``signals`` float32 (n, 6, 128), total acceleration in g and turning in rad/s at 50 Hz, ``label``
1 to 6, ``label_names``. Seven motions more are simulated here. Windows are in the order in which
they were recorded, person after person, so fifths of that order are held out in turn: hardly
anybody is on both sides. The network that is saved learned from all of them; five minutes on a
core. Simulated motions are scored on draws from wider ranges than those learned from.

To ship other weights, run make_starter_graphs.py, and put the digests of the weights and of the
graph into searchengine/models/starter/packaged.py.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from starter_networks import ImuNet
from torch import Tensor
from torch.nn import functional

from searchengine.models.starter.imu import KINDS, RATE_HZ, WINDOW
from searchengine.models.starter.text import TextNet, tokenize
from searchengine.types import FloatArray

Doubles: TypeAlias = npt.NDArray[np.float64]
Random: TypeAlias = np.random.Generator

LICENCES = {
    "uci_har": "UCI HAR, Anguita et al. 2013, train windows, CC BY 4.0 (its first readme: no "
    "commercial use of the data)",
    "simulated": "made by this script",
    "words": "text embeddings of phrases by all-MiniLM-L6-v2, Apache-2.0",
}

#: Ways to say each of KINDS; its vector is their mean.
PHRASES = {
    "walking": ("walking", "a person walking", "a walk"),
    "walking upstairs": ("walking upstairs", "a person walking upstairs", "climbing stairs"),
    "walking downstairs": ("walking downstairs", "a person walking downstairs", "down the stairs"),
    "sitting": ("sitting", "a person sitting", "seated"),
    "standing": ("standing", "a person standing", "standing still"),
    "laying": ("laying", "lying down", "a person lying down"),
    "running": ("running", "a person running", "jogging"),
    "jumping": ("jumping", "a person jumping", "jumping up and down"),
    "shaking": ("shaking", "shaking by hand", "shaking something"),
    "spinning": ("spinning", "rotating", "turning round and round"),
    "falling": ("falling", "a fall", "dropped to the ground"),
    "driving": ("driving", "riding in a car", "in a moving vehicle"),
    "resting": ("not moving", "motionless", "resting on a table"),
}
#: The six of UCI HAR in words that were not learned from, written down before they were tried.
UNSEEN = (
    *("strolling along the street", "going up the steps", "going down the steps"),
    *("seated on a chair", "upright and not moving", "resting in bed"),
)
FOLDS, EPOCHS, BATCH, SIMULATED = 5, 40, 64, 120
LEARNING_RATE = 3e-3


def simulate(kind: str, random: Random, wider: float = 1.0) -> Doubles:
    """A window (6, 128) of ``kind`` in g and rad/s, the sensor held at random."""
    seconds = np.arange(WINDOW) / RATE_HZ
    window = SIMULATIONS[kind](seconds, random, wider)
    noise = random.uniform(0.001, 0.01, (2, 1)).repeat(3, 0)
    return turned(window, any_rotation(random)) + noise * random.standard_normal((6, WINDOW))


def steps(
    seconds: Doubles, rate_hz: float, flight: float, peak_g: float, random: Random
) -> Doubles:
    """Up and down: no weight for the share ``flight`` of a step, then a push of ``peak_g``."""
    phase = (seconds * rate_hz + random.random()) % 1
    pushing = np.clip((phase - flight) / (1 - flight), 0, 1)
    up: Doubles = np.where(phase < flight, 0.1, peak_g * np.sin(np.pi * pushing))
    return up


def running(seconds: Doubles, random: Random, wider: float) -> Doubles:
    rate_hz = random.uniform(2.7 - 0.3 * wider, 2.7 + 0.4 * wider)
    up = steps(seconds, rate_hz, random.uniform(0.15, 0.35), random.uniform(1.8, 3.2), random)
    return body(up, seconds, rate_hz / 2, random.uniform(0.2, 0.5), random.uniform(1, 3.5), random)


def jumping(seconds: Doubles, random: Random, wider: float) -> Doubles:
    rate_hz = random.uniform(1.7 - 0.5 * wider, 1.7 + 0.4 * wider)
    up = steps(seconds, rate_hz, random.uniform(0.4, 0.6), random.uniform(3.0, 5.5), random)
    return body(up, seconds, rate_hz, random.uniform(0.05, 0.2), random.uniform(0.3, 1.5), random)


def body(
    up: Doubles, seconds: Doubles, sway_hz: float, sway_g: float, turn_rad_s: float, random: Random
) -> Doubles:
    """A trunk that goes ``up`` and sways and turns at ``sway_hz``."""
    shares = random.uniform(0.3, 1, 5)
    phases = random.uniform(0, 2 * np.pi, 5)
    waves = np.sin(2 * np.pi * sway_hz * seconds + phases[:, None]) * shares[:, None]
    return np.concatenate([up[None], sway_g * waves[:2], turn_rad_s * waves[2:]])


def shaking(seconds: Doubles, random: Random, wider: float) -> Doubles:
    rate_hz = random.uniform(4.5 - 1.5 * wider, 4.5 + 2 * wider)
    directions = random.standard_normal((2, 3, 1))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    wave = np.sin(2 * np.pi * rate_hz * seconds + random.uniform(0, 6))
    gravity = np.array([[1.0], [0], [0]])
    accel = gravity + random.uniform(0.8, 3) * directions[0] * wave
    return np.concatenate([accel, random.uniform(1, 9) * directions[1] * np.roll(wave, 3)])


def spinning(seconds: Doubles, random: Random, wider: float) -> Doubles:
    """About an axis at any angle to the vertical, a hand or an arm away from it."""
    speed = random.uniform(3.0 - 1.5 * wider, 3.0 + 3 * wider) * random.choice([-1, 1])
    angle, tilt = speed * seconds + random.uniform(0, 6), random.uniform(0, np.pi / 2)
    down = [np.cos(tilt) + 0 * angle, np.sin(tilt) * np.cos(angle), np.sin(tilt) * np.sin(angle)]
    outward_g = speed**2 * random.uniform(0.05, 0.6) / 9.80665
    accel = np.stack(down) + np.array([[0.0], [min(outward_g, 4.0)], [0.0]])
    return np.concatenate([accel, np.stack([speed + 0 * angle, 0 * angle, 0 * angle])])


def falling(seconds: Doubles, random: Random, wider: float) -> Doubles:
    """At rest, then without weight for up to a second, a blow, and at rest another way up."""
    start = random.uniform(0.2, 1.0)
    end = start + random.uniform(0.5 - 0.2 * wider, 0.5 + 0.4 * wider)
    window = np.zeros((6, len(seconds)))
    window[0, seconds < start] = 1
    rest = random.standard_normal(3)
    window[:3, seconds >= end] = (rest / np.linalg.norm(rest))[:, None]
    blow = np.exp(-np.maximum(seconds - end, 0) / 0.04) * (seconds >= end)
    window[:3] += random.uniform(2, 8) * random.choice([-1, 1], (3, 1)) * blow
    window[3:] = random.uniform(-5, 5, (3, 1)) * ((seconds >= start) & (seconds < end))
    return window + np.concatenate([np.zeros((3, 1)), random.uniform(-3, 3, (3, 1))]) * blow


def driving(seconds: Doubles, random: Random, wider: float) -> Doubles:
    """An engine's and a road's vibration, a slow push, a slow turn."""
    engine_hz, engine_g = random.uniform(8, 24), random.uniform(0.005, 0.04) * wider
    road = np.convolve(random.standard_normal(len(seconds) + 4), np.ones(5) / 5, "valid")
    slow = np.sin(2 * np.pi * random.uniform(0.05, 0.3) * seconds + random.uniform(0, 6))
    up = 1 + engine_g * np.sin(2 * np.pi * engine_hz * seconds) + random.uniform(0.02, 0.12) * road
    rough = 0.02 * random.standard_normal((5, len(seconds)))
    push = random.uniform(-0.3, 0.3, (2, 1)) * slow + rough[:2]
    turn = random.uniform(0, 0.4) * slow + rough[2:]
    turn[1:] *= 0.2
    return np.concatenate([up[None], push, turn])


def resting(seconds: Doubles, random: Random, wider: float) -> Doubles:
    """Nothing but the sensor's own noise, and its bias."""
    window = np.zeros((6, len(seconds)))
    window[0] = 1
    window[3:] = random.uniform(-0.02, 0.02, (3, 1)) * wider
    return window


SIMULATIONS: dict[str, Callable[[Doubles, Random, float], Doubles]] = {
    made.__name__: made for made in (running, jumping, shaking, spinning, falling, driving, resting)
}


def any_rotation(random: Random) -> Doubles:
    """Uniform over all orientations: the Q of a Gaussian matrix, turned to the right hand."""
    q, r = np.linalg.qr(random.standard_normal((3, 3)))
    rotation: Doubles = q * np.sign(np.diag(r))
    return rotation * np.linalg.det(rotation)


def small_rotation(random: Random, angle_rad: float) -> Doubles:
    """About an axis drawn at random (Rodrigues)."""
    x, y, z = random.standard_normal(3)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) / np.sqrt(x * x + y * y + z * z)
    angle = random.uniform(0, angle_rad)
    rotation: Doubles = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


def turned(window: npt.NDArray[np.floating], rotation: Doubles) -> Doubles:
    return np.concatenate([rotation @ window[:3], rotation @ window[3:]])


def augment(window: FloatArray, moving: bool, random: Random) -> Doubles:
    """Another wearer: strapped on a little askew, other gains and biases, perhaps no gyroscope.

    Which way is up tells sitting, standing and lying apart, so only those who move are also
    turned any way round, as a sensor elsewhere on the body would be.
    """
    askew = small_rotation(random, 0.2)
    other = turned(window, any_rotation(random) if moving and random.random() < 0.3 else askew)
    other[:3] *= random.uniform(0.97, 1.03)
    other[3:] = other[3:] * random.uniform(0.9, 1.1) + random.uniform(-0.02, 0.02, (3, 1))
    if random.random() < 0.1:
        other[3:] = 0
    other += random.standard_normal((6, WINDOW)) * 10 ** random.uniform(-4, -2)
    return np.roll(other, random.integers(WINDOW), axis=1) if random.random() < 0.5 else other


def batches(
    signals: FloatArray, labels: npt.NDArray[np.int64], random: Random
) -> tuple[Tensor, Tensor]:
    """One epoch, shuffled: every recorded window, and SIMULATED of each motion more."""
    made = [augment(x, y < 3, random) for x, y in zip(signals, labels, strict=True)]
    kinds = [KINDS.index(kind) for kind in SIMULATIONS for _ in range(SIMULATED)]
    made += [simulate(KINDS[kind], random) for kind in kinds]
    everything = np.concatenate([labels, kinds])
    order = random.permutation(len(everything))
    return torch.from_numpy(np.stack(made).astype(np.float32)[order]), torch.from_numpy(
        everything[order]
    )


def train(signals: FloatArray, labels: npt.NDArray[np.int64], words: Tensor, seed: int) -> ImuNet:
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = ImuNet()
    network.words.copy_(words)
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.02)
    steps_an_epoch = -(-(len(labels) + SIMULATED * len(SIMULATIONS)) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, EPOCHS * steps_an_epoch
    )
    for _ in range(EPOCHS):
        windows, kinds = batches(signals, labels, random)
        for x, y in zip(torch.split(windows, BATCH), torch.split(kinds, BATCH), strict=True):
            loss = functional.cross_entropy(network.logits(x), y, label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return network.eval()


def embed(phrases: tuple[str, ...]) -> Tensor:
    return torch.from_numpy(TextNet()([tokenize(phrase) for phrase in phrases]))


@torch.inference_mode()
def held_out(
    signals: FloatArray, labels: npt.NDArray[np.int64], words: Tensor, seed: int
) -> Tensor:
    """The vector of every window by a network that did not learn from its fifth."""
    vectors = torch.empty(len(labels), words.shape[1])
    for fold in np.array_split(np.arange(len(labels)), FOLDS):
        with torch.inference_mode(False):
            rest = np.delete(np.arange(len(labels)), fold)
            network = train(signals[rest], labels[rest], words, seed)
        vectors[torch.from_numpy(fold)] = network(torch.from_numpy(signals[fold]))
        right = (vectors[torch.from_numpy(fold)] @ words[:6].T).argmax(1).numpy() == labels[fold]
        print(f"held out {fold[0]} to {fold[-1]}: {right.mean():.3f}", flush=True)
    return vectors


def score(vectors: Tensor, labels: npt.NDArray[np.int64]) -> dict[str, object]:
    """Accuracy among the six texts (chance 0.17) and mean average precision text to motion."""
    scored: dict[str, object] = {}
    for name, phrases in (("labels", KINDS[:6]), ("unseen words", UNSEEN)):
        similarity = (vectors @ embed(tuple(phrases)).T).numpy()
        right = similarity.argmax(1) == labels
        each = [average_precision(similarity[:, i], labels == i) for i in range(6)]
        scored[name] = {
            "accuracy": round(float(right.mean()), 4),
            "each": {
                k: round(float(right[labels == i].mean()), 3) for i, k in enumerate(KINDS[:6])
            },
            "mean average precision": round(float(np.mean(each)), 4),
        }
    return scored


def average_precision(similarity: FloatArray, relevant: npt.NDArray[np.bool_]) -> float:
    hits = relevant[np.argsort(-similarity, kind="stable")]
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


@torch.inference_mode()
def score_simulated(network: ImuNet, seed: int) -> dict[str, float]:
    """Right of all 13, for draws from wider ranges than those learned from."""
    random, texts = np.random.default_rng(seed + 1), embed(tuple(PHRASES[k][0] for k in KINDS))
    scored = {}
    for kind in SIMULATIONS:
        windows = np.stack([simulate(kind, random, wider=1.3) for _ in range(200)])
        vectors = network(torch.from_numpy(windows.astype(np.float32)))
        right = (vectors @ texts.T).argmax(1) == KINDS.index(kind)
        scored[kind] = round(right.float().mean().item(), 3)
    return scored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, help="without it, only the scores are shown")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    data = np.load(args.data)
    signals, labels = data["signals"], data["label"] - 1
    words = torch.stack([functional.normalize(embed(PHRASES[k]).mean(0), dim=0) for k in KINDS])
    vectors = held_out(signals, labels, words, args.seed)
    network = train(signals, labels, words, args.seed)
    record: dict[str, object] = {"licences": LICENCES, "seed": args.seed, "epochs": EPOCHS}
    record["split"] = f"{FOLDS} folds of neighbouring windows; saved: learned from all"
    record["windows"] = len(labels)
    record["scores"] = score(vectors, labels)
    record["simulated"] = score_simulated(network, args.seed)
    print(json.dumps(record, indent=1))
    if args.out:
        tensors = {
            name: x.half().contiguous() if x.is_floating_point() else x
            for name, x in network.state_dict().items()
        }
        save_file(tensors, args.out, {key: json.dumps(value) for key, value in record.items()})


if __name__ == "__main__":
    main()
