"""Train the starter encoder's sound network (searchengine/models/starter/audio.safetensors).

    pip install ai-edge-litert
    python scripts/train_starter_audio.py --esc10 DIR --teacher DIR --sounds DIR --out FILE

It starts from YAMNet (``--teacher``: yamnet.tflite and yamnet_class_map.csv, from TensorFlow
models, Apache-2.0), whose class names become text embeddings, and learns from ESC-10 (``--esc10``:
``<class>/<fold>-<id>.ogg``, K. J. Piczak, CC BY 3.0) to put a sound near its label, while it keeps
to YAMNet's own judgement of everything it hears: those clips, mixtures of them, noise, and any
sounds under ``--sounds``. The shipped weights used there: Debian's sonic-pi-samples (CC0), the
128 instruments of fluid-soundfont-gm (MIT) played by fluidsynth, and sentences by espeak-ng.

One fold (``--score``, 4) is held out whole; what was learned from goes into the file's metadata.
To ship other weights, run make_starter_graphs.py, and put the digests of the weights and of the
graph into searchengine/models/starter/packaged.py.
"""

from __future__ import annotations

import argparse
import copy
import csv
import importlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from starter_networks import AudioNet
from torch import Tensor
from torch.nn import functional

from searchengine.media.audio import read_audio
from searchengine.models.starter.audio import (
    RATE_HZ,
    WINDOW_SAMPLES,
    at_rate,
    log_mel,
)
from searchengine.models.starter.text import TextNet, tokenize
from searchengine.types import FloatArray

#: ESC-10's folders, the word for each first, then other ways to say it.
LABELS = {
    "dog_bark": ("dog", "dog barking", "a dog barks", "the sound of a barking dog"),
    "rooster": ("rooster", "rooster crowing", "a rooster crows", "cock-a-doodle-doo"),
    "rain": ("rain", "rain falling", "the sound of rain", "heavy rain"),
    "sea_waves": ("sea waves", "waves on a beach", "the sound of the ocean", "surf"),
    "fire_crackling": ("crackling fire", "fire burning", "a campfire", "the sound of fire"),
    "baby_cry": ("crying baby", "baby crying", "an infant cries", "a baby"),
    "person_sneeze": ("sneezing", "a person sneezes", "sneeze", "the sound of a sneeze"),
    "clock_tick": ("clock tick", "clock ticking", "a ticking clock", "clock"),
    "helicopter": ("helicopter", "helicopter flying", "the sound of a helicopter", "rotor blades"),
    "chainsaw": ("chainsaw", "a chainsaw cutting wood", "the sound of a chainsaw", "saw motor"),
}

#: What people call AudioSet's classes where its own name is short of context.
PHRASES = """
Speech = a person speaking; Crying, sobbing = crying; Baby cry, infant cry = crying baby
Snoring = person snoring; Snort = snorting; Cough = person coughing; Sneeze = person sneezing
Run = running footsteps; Walk, footsteps = footsteps; Clapping = clapping hands
Domestic animals, pets = pet; Bark = dog barking; Yip = small dog barking; Howl = dog howling
Bow-wow = dog barking; Growling = dog growling; Purr = cat purring; Meow = cat meowing
Hiss = hissing; Caterwaul = cat yowling; Livestock, farm animals, working animals = farm animal
Clip-clop = horse hooves; Neigh, whinny = horse neighing; Cattle, bovinae = cow; Moo = cow mooing
Oink = pig grunting; Bleat = sheep bleating; Fowl = poultry; Chicken, rooster = rooster or chicken
Cluck = chicken clucking; Crowing, cock-a-doodle-doo = rooster crowing; Turkey = turkey bird
Gobble = turkey gobbling; Quack = duck quacking; Honk = goose honking
Roaring cats (lions, tigers) = lion roaring; Roar = lion roaring
Bird vocalization, bird call, bird song = bird singing; Chirp, tweet = bird chirping
Squawk = bird squawking; Coo = pigeon cooing; Crow = crow bird; Caw = crow cawing
Hoot = owl hooting; Canidae, dogs, wolves = dog or wolf; Mouse = mouse squeaking
Patter = patter of small feet; Cricket = cricket insect chirping; Fly, housefly = fly buzzing
Buzz = buzzing insect; Bee, wasp, etc. = bee; Croak = frog croaking; Snake = snake hissing
Rattle = rattling; Whale vocalization = whale; Tapping (guitar technique) = guitar
Strum = strumming guitar; Organ = organ music; Sampler = electronic music; Hi-hat = hi-hat cymbal
Wood block = wood block percussion; Rattle (instrument) = rattle instrument
Scratching (performance technique) = turntable scratching; Rock and roll = rock and roll music
Reggae = reggae music; Country = country music; Funk = funk music; Jazz = jazz music
Disco = disco music; Opera = opera singing; Techno = techno music; Blues = blues music
Ska = ska music; Raindrop = rain drops; Rain on surface = rain; Stream = water stream
Ocean = ocean sea waves; Waves, surf = sea waves; Fire = crackling fire; Crackle = crackling fire
Toot = car horn; Light engine (high frequency) = small engine
Medium engine (mid frequency) = engine; Engine starting = car engine starting
Idling = car engine idling; Accelerating, revving, vroom = car engine revving
Ding-dong = doorbell ringing; Slam = door slamming; Knock = knocking on a door; Tap = tapping
Squeak = squeaking; Tick = clock ticking; Tick-tock = clock ticking; Sawing = saw cutting wood
Filing (rasp) = file rasping; Drill = electric drill; Burst, pop = popping; Chop = chopping wood
Splinter = splintering wood; Crack = cracking; Drip = dripping water; Pour = pouring water
Gush = gushing water; Fill (with liquid) = filling with water; Pump (liquid) = water pump
Effects unit = sound effect; Chorus effect = sound effect; Roll = rolling; Ding = bell ringing
Plop = drop falling into water; Hum = humming noise; Static = static noise
"""

#: Classes that are true of nearly everything and say little.
VAGUE = """
Animal; Domestic animals, pets; Livestock, farm animals, working animals; Wild animals; Vehicle
Music; Musical instrument; Sound effect; Silence; Inside, small room; Inside, large room or hall
Inside, public space; Outside, urban or manmade; Outside, rural or natural; Noise
Environmental noise; Field recording; Reverberation; Echo; Speech; Mechanisms; Sidetone; Cacophony
Throbbing; Distortion; Effects unit; Chorus effect; Tools; Liquid; Hands; Zing; Harmonic
Sine wave
"""
VAGUE_PRIOR = -3.0
#: Best of 0.7, 1, 1.5 and 2.5 without any training, on the folds learned from.
SHARPNESS = 1.5

BATCH = 32
LABEL_TEMPERATURE = 0.1
TEACHER_WEIGHT = 3.0
LICENCES = {
    "start": "YAMNet, TensorFlow models, Apache-2.0",
    "esc10": "ESC-10, K. J. Piczak, CC BY 3.0",
    "words": "text embeddings of AudioSet class names by all-MiniLM-L6-v2, Apache-2.0",
}


@dataclass
class Clips:
    """Sounds of one window each, float32 (n, 80000); ``labels`` int64, -1 where unknown."""

    samples: FloatArray
    labels: Tensor
    folds: Tensor

    def only(self, keep: Tensor) -> Clips:
        return Clips(self.samples[keep.numpy()], self.labels[keep], self.folds[keep])


def embed(texts: list[str]) -> Tensor:
    return torch.from_numpy(TextNet()([tokenize(text) for text in texts]))


def read_window(path: Path) -> FloatArray:
    """The first five seconds at 16 kHz, what is shorter repeated."""
    sound = read_audio(path)
    samples = at_rate(sound.samples.mean(0), sound.rate_hz)
    window: FloatArray = np.resize(samples, WINDOW_SAMPLES).astype(np.float32)
    return window


def read_esc10(folder: Path) -> Clips:
    names = list(LABELS)
    paths = sorted(path for name in names for path in (folder / name).glob("*.ogg"))
    labels = torch.tensor([names.index(path.parent.name) for path in paths])
    folds = torch.tensor([int(path.name.split("-")[0]) for path in paths])
    return Clips(np.stack([read_window(path) for path in paths]), labels, folds)


def read_others(folder: Path | None, random: np.random.Generator) -> Clips:
    """Sounds without a label, and some synthetic noises and tones beside them."""
    paths = sorted(folder.rglob("*.*")) if folder else []
    sounds = [read_window(path) for path in paths if path.suffix in {".wav", ".flac", ".ogg"}]
    sounds += [synthesise(random) for _ in range(20)]
    unknown = torch.full((len(sounds),), -1)
    return Clips(np.stack(sounds).astype(np.float32), unknown, torch.zeros_like(unknown))


def synthesise(random: np.random.Generator) -> FloatArray:
    """A tone, or noise whose power falls by a random power of the frequency."""
    if random.random() < 0.3:
        seconds = np.arange(WINDOW_SAMPLES) / RATE_HZ
        return (0.3 * np.sin(2 * np.pi * random.uniform(80, 4_000) * seconds)).astype(np.float32)
    spectrum = np.fft.rfft(random.standard_normal(WINDOW_SAMPLES))
    spectrum /= np.arange(1, len(spectrum) + 1) ** random.uniform(0, 1)
    noise: FloatArray = np.fft.irfft(spectrum, WINDOW_SAMPLES).astype(np.float32)
    loudest: np.float32 = np.abs(noise).max()
    return noise * np.float32(0.2 / loudest)


def augment(samples: FloatArray, random: np.random.Generator) -> FloatArray:
    """Another beginning, speed, tone colour, loudness and a little noise."""
    speed = np.arange(0, WINDOW_SAMPLES, random.uniform(0.92, 1.08))
    sound = np.interp(speed, np.arange(WINDOW_SAMPLES), samples)
    sound = np.roll(np.resize(sound, WINDOW_SAMPLES), random.integers(WINDOW_SAMPLES))
    sound[1:] -= random.uniform(-0.3, 0.5) * sound[:-1]
    sound *= 10 ** random.uniform(-0.7, 0.3)
    sound += random.standard_normal(WINDOW_SAMPLES) * 10 ** random.uniform(-5, -2.3)
    return np.clip(sound, -1, 1).astype(np.float32)


def yamnet_layers(model: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer, back from int8 to float32, laid out as torch has them."""
    litert = importlib.import_module("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(
        str(model),
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    axes = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2), "FULLY_CONNECTED": (0, 1)}
    for op in interpreter._get_ops_details():
        weight, bias = (details.get(index) for index in [*op["inputs"], -1, -1][1:3])
        if op["op_name"] in axes and weight is not None and weight["dtype"] == np.int8:
            layout = axes[op["op_name"]]
            yield dequantise(interpreter, weight).permute(layout), dequantise(interpreter, bias)


def dequantise(interpreter: Any, detail: Any) -> Tensor:
    quantised = interpreter.get_tensor(detail["index"]).astype(np.float32)
    how = detail["quantization_parameters"]
    shape = [1] * quantised.ndim
    shape[how["quantized_dimension"]] = -1
    values = (quantised - how["zero_points"].reshape(shape)) * how["scales"].reshape(shape)
    return torch.from_numpy(values.astype(np.float32))


def start_from(teacher: Path) -> AudioNet:
    """YAMNet as it is, its classes turned into words."""
    network = AudioNet()
    layers = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    with torch.no_grad(), (teacher / "yamnet_class_map.csv").open(newline="") as file:
        ported = yamnet_layers(teacher / "yamnet.tflite")
        for layer, (weight, bias) in zip(layers, ported, strict=True):
            layer.weight.copy_(weight)
            if layer.bias is not None:
                layer.bias.copy_(bias)
        names = [row["display_name"] for row in csv.DictReader(file)]
        phrases = dict(entry.split(" = ") for entry in entries(PHRASES))
        network.words.copy_(embed([phrases.get(n, n.split(" (")[0].lower()) for n in names]))
        vague = [names.index(name) for name in entries(VAGUE)]
        network.prior[vague] = VAGUE_PRIOR
        network.sharpness.fill_(SHARPNESS)
    return network.to(memory_format=torch.channels_last)


def entries(table: str) -> list[str]:
    return [entry for line in table.strip().splitlines() for entry in line.split("; ")]


def batches(
    esc10: Clips, others: Clips, random: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Mels and labels (-1: none); of a batch half has labels, a quarter mixes two sounds."""
    everything = np.concatenate([esc10.samples, others.samples])
    order = random.permutation(len(esc10.labels))
    for chosen in np.array_split(order, len(order) * 2 // BATCH):
        sounds = [augment(esc10.samples[index], random) for index in chosen]
        plain, first, second = random.integers(len(everything), size=(3, BATCH // 4))
        sounds += [augment(everything[index], random) for index in plain]
        sounds += [
            augment((everything[a] + everything[b]) / 2, random)
            for a, b in zip(first, second, strict=True)
        ]
        unknown = torch.full((len(sounds) - len(chosen),), -1)
        mels = np.concatenate([log_mel(sound) for sound in sounds])
        yield torch.from_numpy(mels), torch.cat([esc10.labels[chosen], unknown])


def loss_of(
    network: AudioNet, teacher: AudioNet, mels: Tensor, labels: Tensor, texts: Tensor
) -> Tensor:
    """Near the label and far from the others; and YAMNet's judgement and vector of the rest.

    ``texts`` (ways, 10, 384): one way to say all labels is drawn for each batch.
    """
    with torch.no_grad():
        taught = teacher.moments(mels)
        towards = functional.normalize(teacher.weigh(taught) @ teacher.words, dim=1)
    heard = network.moments(mels)
    vectors = functional.normalize(network.weigh(heard) @ network.words, dim=1)
    known = labels >= 0
    said = texts[int(torch.randint(len(texts), ()))]
    right = functional.cross_entropy(vectors[known] @ said.T / LABEL_TEMPERATURE, labels[known])
    near = 1 - (vectors[known] * texts[0][labels[known]]).sum(1).mean()
    kept = functional.binary_cross_entropy_with_logits(heard, taught.sigmoid(), reduction="none")
    same = 1 - (vectors[~known] * towards[~known]).sum(1).mean()
    return right + near + same + TEACHER_WEIGHT * kept.sum(2).mean() / 10


def train(
    network: AudioNet, esc10: Clips, others: Clips, texts: Tensor, epochs: int, seed: int
) -> None:
    teacher = copy.deepcopy(network).eval().requires_grad_(False)
    random = np.random.default_rng(seed)
    slow = [*network.trunk.parameters(), *network.classify.parameters()]
    fast = [network.prior, network.sharpness]
    groups = [{"params": slow, "lr": 1e-4}, {"params": fast, "lr": 1e-2}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0)
    steps = epochs * (len(esc10.labels) * 2 // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for epoch in range(epochs):
        began, losses = time.monotonic(), []
        for mels, labels in batches(esc10, others, random):
            loss = loss_of(network, teacher, mels, labels, texts)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        took_s = time.monotonic() - began
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, {took_s:.0f} s", flush=True)


@torch.inference_mode()
def scores(network: AudioNet, clips: Clips, texts: Tensor) -> dict[str, float]:
    """Right label of ten (chance 0.1), mean average precision of clips by label (chance 0.1)."""
    mels = [torch.from_numpy(log_mel(sound)) for sound in clips.samples]
    similarity = torch.cat([network(window) for window in mels]) @ texts.T
    right = similarity.argmax(1) == clips.labels
    precisions = [
        average_precision(similarity[:, label], clips.labels == label)
        for label in range(len(LABELS))
    ]
    return {
        "accuracy": round(right.float().mean().item(), 4),
        "mean_average_precision": round(float(np.mean(precisions)), 4),
        "cosine_to_label": round(similarity.gather(1, clips.labels[:, None]).mean().item(), 4),
    }


def average_precision(similarity: Tensor, relevant: Tensor) -> float:
    hits = relevant[similarity.argsort(descending=True)].float()
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    return float((precision * hits).sum() / hits.sum())


def save(network: AudioNet, path: Path, record: dict[str, object]) -> None:
    tensors = {name: x.half().contiguous() for name, x in network.state_dict().items()}
    save_file(tensors, path, {key: json.dumps(value) for key, value in record.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--esc10", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--sounds", type=Path)
    parser.add_argument("--sounds-licences", default="not stated", help="kept in the metadata")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--learn", type=int, nargs="+", default=[1, 2, 3], help="folds")
    parser.add_argument("--score", type=int, default=4, help="the fold held out")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    texts = torch.stack([embed(list(said)) for said in zip(*LABELS.values(), strict=True)])
    esc10 = read_esc10(args.esc10)
    others = read_others(args.sounds, np.random.default_rng(args.seed))
    learned = esc10.only(torch.isin(esc10.folds, torch.tensor(args.learn)))
    held_out = esc10.only(esc10.folds == args.score)
    network = start_from(args.teacher)
    licences = {**LICENCES, "sounds": args.sounds_licences}
    record: dict[str, object] = {"licences": licences, "seed": args.seed, "epochs": args.epochs}
    record["esc10_folds"] = {"learned": args.learn, "only_scored": args.score}
    record["clips"] = {"labelled": len(learned.labels), "others": len(others.labels)}
    record["scores_before"] = scores(network, held_out, texts[0])
    train(network, learned, others, texts, args.epochs, args.seed)
    record["scores"] = scores(network, held_out, texts[0])
    save(network, args.out, record)
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
