"""Make a labelled set of six modalities, for `searchengine eval FOLDER`, from data of others.

    python scripts/make_mixed_set.py DATA DEBIAN FOLDER [--half first|second]

Nothing of it comes with the program. ``DATA`` holds ESC-10 (``audio/esc10``; fold 4 is taken, which
no weights learned from), frames of HIT-UAV (``thermal``) and windows of UCI HAR (``imu``), whose
networks learned from all of both; depth maps are drawn from a seed of their own. ``DEBIAN`` holds
the unpacked packages tuxpaint-stamps-default (pictures, and sounds of the same things) and
wordnet-base (texts: what words mean, and the kinds of what they name). One half may choose how
lists are ordered, and the other say how well that works: of a label and a modality, every second
item goes into each.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from render_depth import render

from searchengine.media.metadata import NAME
from searchengine.types import Modality

STAMPS = Path("usr/share/tuxpaint/stamps")
WORDNET = Path("usr/share/wordnet")
FOLD, SEED, G = "4-*.ogg", 77_000, 9.80665
#: Items of one label and modality, at most.
MOST = {Modality.TEXT: 8, Modality.DEPTH: 8, Modality.THERMAL: 24, Modality.IMU: 12}
SPOKEN = re.compile(r"_(desc.*|[a-z]{2}|[a-z]{2}_[A-Za-z]{2})$")


@dataclass(frozen=True, slots=True)
class Topic:
    """Where a label's items are: patterns of stamps, a class of ESC-10, what infrared frames
    count, a kind of render, activities, and nouns."""

    nouns: str = ""
    stamps: str = ""
    sound: str = ""
    thermal: str = ""
    depth: str = ""
    motion: str = ""


TOPICS = {
    "dog": Topic("dog", r"dogs/(dog|dingo)", "dog_bark"),
    "cow": Topic("cow bull", r"bovines/(cow|bull)"),
    "sheep": Topic("sheep ram", r"bovines/(sheep|ram)"),
    "pig": Topic("hog piglet", r"mammals/pig"),
    "horse": Topic("horse", r"equines/horse"),
    "chicken": Topic("hen cock", r"birds/(rooster|hen|chicken)|easter/chick", "rooster"),
    "bird": Topic("bird owl", r"animals/birds/(?!rooster|hen|chicken)"),
    "frog": Topic("frog", r"amphibians/frog"),
    "insect": Topic("bee fly", r"insects/(?!Brown|Wood)"),
    "bear": Topic("bear", r"bears/"),
    "whale": Topic("whale", r"aquatic/(whale|orca)"),
    "big cat": Topic("lion tiger", r"mammals/cats/"),
    "ape": Topic("ape monkey", r"apes/"),
    "fish": Topic("fish", r"animals/fish/(?!lobster|shrimp|seahorse)"),
    "guitar": Topic("guitar", r"string/guitar"),
    "violin": Topic("violin", r"string/violin"),
    "cello": Topic("cello", r"string/cello"),
    "drum": Topic("drum", r"percussion/drum"),
    "car": Topic("car", r"auto/(beetle|sport|sedan)|sedan_police|indycar", "", "Car", "car"),
    "truck": Topic("truck", r"auto/truck|garbagetruck|firetruck|dumper"),
    "person": Topic("pedestrian adult", r"people/fireman|paratrooper", "", "Person", "person"),
    "bicycle": Topic("bicycle cyclist", r"pink_tricycle", "", "Bicycle"),
    "chair": Topic("chair", depth="chair"),
    "bed": Topic("bed", depth="bed"),
    "table": Topic("desk", depth="table"),
    "sofa": Topic("sofa", depth="sofa"),
    "bookshelf": Topic("bookcase", depth="bookshelf"),
    "corridor": Topic("corridor", depth="corridor"),
    "tree": Topic("tree birch", r"plants/trees/(tree336|liberia|birch|holm)", depth="tree"),
    "street": Topic("street", depth="street"),
    "toilet": Topic("toilet", r"household/toilet", depth="toilet"),
    "ball": Topic("ball football", r"sports/(basketb|cricketb|soccer|tennis_b)", depth="ball"),
    "stairs": Topic("stairway", depth="stairs", motion="walking upstairs,walking downstairs"),
    "walking": Topic("walk stroll", motion="walking"),
    "sitting": Topic(motion="sitting"),
    "lying down": Topic("reclining sleep", motion="laying"),
    "rain": Topic("rain", "", "rain"),
    "sea waves": Topic("wave surf", "", "sea_waves"),
    "fire": Topic("fire blaze", r"naturalforces/fire", "fire_crackling"),
    "crying baby": Topic("crying", "", "baby_cry"),
    "sneeze": Topic("sneeze", "", "person_sneeze"),
    "clock": Topic("clock", "", "clock_tick"),
    "helicopter": Topic("helicopter", "", "helicopter"),
    "saw": Topic("handsaw power_saw", r"tools/saw", "chainsaw"),
    "hammer": Topic("hammer", r"tools/(hammer|mallet)"),
    "kettle": Topic("kettle", r"household/kettle"),
    "fireworks": Topic("firework", r"newyears/fireworks"),
    "flower": Topic("flower rose", r"plants/flowers/(?!plastic)"),
    "fruit": Topic("fruit apple", r"food/fruit/"),
}

#: A file below the set's folder that is there now, and its modality.
Made = tuple[str, Modality]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("data", "debian", "folder"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--half", choices=["first", "second"])
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    synsets = read_wordnet(given.debian / WORDNET)
    rows = []
    for label, topic in TOPICS.items():
        counts = dict.fromkeys(Modality, 0)
        for name, modality in items(label, topic, given.data, given.debian, synsets, given.folder):
            counts[modality] += 1
            if given.half and counts[modality] % 2 != (given.half == "first"):
                (given.folder / name).unlink()
            else:
                rows.append({"file_name": name, "modality": modality, "label": label})
    lines = (json.dumps(row) + "\n" for row in rows)
    (given.folder / NAME).write_text("".join(lines))
    print(f"{len(rows)} files of {len({row['label'] for row in rows})} labels")


def items(
    label: str, topic: Topic, data: Path, debian: Path, synsets: Synsets, folder: Path
) -> Iterator[Made]:
    """Everything of a label, written into the folder."""
    name = label.replace(" ", "_")
    for n, text in enumerate(texts(topic.nouns.split(), synsets)[: MOST[Modality.TEXT]]):
        yield written(folder, f"{name}_{n}.txt", Modality.TEXT, text)
    if topic.stamps:
        yield from stamps(debian / STAMPS, re.compile(topic.stamps), folder, name)
    for path in sorted((data / "audio/esc10" / topic.sound).glob(FOLD)) if topic.sound else []:
        yield copied(path, folder, f"{name}_{path.name}", Modality.AUDIO)
    for path in frames(data / "thermal", topic.thermal) if topic.thermal else []:
        yield copied(path, folder, f"{name}_{path.name}", Modality.THERMAL)
    for n in range(MOST[Modality.DEPTH] if topic.depth else 0):
        yield drawn(topic.depth, n, folder, name)
    for kind in topic.motion.split(",") if topic.motion else []:
        yield from motions(data / "imu/uci_har.npz", kind, folder)


# -- texts: what words mean

#: By lemma, its commonest meaning; by meaning, what it says and the kinds of it.
Synsets = tuple[dict[str, int], dict[int, tuple[str, list[int]]]]


def read_wordnet(folder: Path) -> Synsets:
    """The nouns of WordNet 3.0, format wndb(5)."""
    first, senses = {}, {}
    for line in lines_of(folder / "index.noun"):
        parts = line.split()
        first[parts[0]] = int(parts[-int(parts[2])])
    for line in lines_of(folder / "data.noun"):
        head, gloss = line.split(" | ", 1)
        parts = head.split()
        count = int(parts[3], 16)
        words = ", ".join(parts[4 : 4 + 2 * count : 2]).replace("_", " ")
        rest = parts[5 + 2 * count :]
        kinds = [int(at) for sign, at in pairwise(rest) if sign == "~"]
        senses[int(parts[0])] = (f"{words}: {gloss.strip()}", kinds)
    return first, senses


def lines_of(path: Path) -> list[str]:
    lines = path.read_text(encoding="latin-1").splitlines()
    return [line for line in lines if not line.startswith("  ")]  # the licence


def texts(nouns: list[str], synsets: Synsets) -> list[str]:
    """What the nouns and their kinds mean, the nouns first."""
    first, senses = synsets
    found = [first[noun] for noun in nouns]
    kinds = [kind for offset in found for kind in senses[offset][1]]
    return [senses[one][0] for one in dict.fromkeys([*found, *kinds])]


# -- everything else


def stamps(top: Path, pattern: re.Pattern[str], folder: Path, name: str) -> Iterator[Made]:
    """Pictures, and sounds that are not somebody saying what the picture shows."""
    for path in sorted([*top.rglob("*.png"), *top.rglob("*.ogg")]):
        below = path.relative_to(top).with_suffix("").as_posix()
        if not pattern.search(below) or "cartoon" in below or SPOKEN.search(below):
            continue
        if path.suffix == ".ogg":
            yield copied(path, folder, f"{name}_{path.name}", Modality.AUDIO)
            continue
        target = f"{name}_{path.stem}.jpg"
        picture = Image.open(path).convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        Image.alpha_composite(paper, picture).convert("RGB").save(folder / target, quality=92)
        yield target, Modality.IMAGE


def frames(folder: Path, counted: str) -> list[Path]:
    """Infrared frames that show only what is counted, of many flights."""
    rows = json.loads((folder / "hit_uav.json").read_text())
    only = sorted(row["file"] for row in rows if set(row["objects"]) == {counted})
    most = MOST[Modality.THERMAL]
    return [folder / "hit_uav" / only[i * len(only) // most] for i in range(min(most, len(only)))]


def drawn(kind: str, n: int, folder: Path, name: str) -> Made:
    metres = render(kind, np.random.default_rng(SEED + n)).metres
    target = f"{name}_{n}.depth.png"
    Image.fromarray((metres * 1000).astype(np.uint16)).save(folder / target)
    return target, Modality.DEPTH


def motions(path: Path, kind: str, folder: Path) -> Iterator[Made]:
    data = np.load(path)
    label = data["label_names"].tolist().index(kind) + 1
    chosen = np.flatnonzero(data["label"] == label)
    most = MOST[Modality.IMU]
    header = "time_s,accel_x_m_s2,accel_y_m_s2,accel_z_m_s2,gyro_x_rad_s,gyro_y_rad_s,gyro_z_rad_s"
    for n in chosen[np.arange(most) * len(chosen) // most]:
        readings = data["signals"][n].T * np.array([G, G, G, 1, 1, 1])
        table = np.column_stack([np.arange(len(readings)) / float(data["rate_hz"]), readings])
        target = f"{kind.replace(' ', '_')}_{n}.csv"
        np.savetxt(folder / target, table, "%.5f", ",", header=header, comments="")
        yield target, Modality.IMU


def copied(path: Path, folder: Path, target: str, modality: Modality) -> Made:
    shutil.copyfile(path, folder / target)
    return target, modality


def written(folder: Path, target: str, modality: Modality, text: str) -> Made:
    (folder / target).write_text(text)
    return target, modality


if __name__ == "__main__":
    main()
