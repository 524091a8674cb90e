"""Embed what ImageNet's classes are called, as ``starter`` needs it for pictures.

    python scripts/make_starter_words.py

To ship what it writes, put its digest into searchengine/models/starter/packaged.py.

image_words.csv gives each class a name, and what people may also say for what such pictures show:
the kind of a breed, the plain word for a rare one, the baby in the diaper. The class lies between
its name and the mean of these, dogs nearer to "dog": the text model knows few breeds, and a sure
breed is to be nearer to "dog" than a goat that is taken for a little of many.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from searchengine.models.starter.image import WORDS
from searchengine.models.starter.text import TextNet, tokenize
from searchengine.types import FloatArray

TABLE = Path(__file__).with_name("image_words.csv")

#: Weight of a name beside 1 - that for what is also said, and the same of the classes of dogs.
NAME = 0.5
DOG_NAME, DOGS = 0.3, range(151, 269)


def main() -> None:
    network = TextNet()
    with TABLE.open(encoding="utf-8") as file:
        rows = [embed(network, row) for row in csv.DictReader(file)]
    save_file({"words": np.stack(rows).astype(np.float16)}, WORDS)
    print(f"{WORDS.name}: {len(rows)} classes, {WORDS.stat().st_size} bytes")


def embed(network: TextNet, row: dict[str, str]) -> FloatArray:
    """The vector of a class, float32 (384,), of length 1."""
    also = row["also"].split("; ") if row["also"] else []
    vectors = network([tokenize(words) for words in (row["name"], *also)])
    weight = DOG_NAME if int(row["class"]) in DOGS else NAME
    mixed = weight * vectors[0] + (1 - weight) * vectors[1:].mean(axis=0) if also else vectors[0]
    unit: FloatArray = mixed / np.linalg.norm(mixed)
    return unit


if __name__ == "__main__":
    main()
