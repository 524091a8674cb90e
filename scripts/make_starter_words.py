"""Embed the names of the ImageNet classes, as ``starter`` needs them for pictures.

    python scripts/make_starter_words.py

To ship what it writes, put its digest into searchengine/models/starter/packaged.py.

Names are those of torchvision's weights. An animal's name also says what kind of animal it is:
the text model knows too little of breeds to find a Saluki by "dog".
"""

from __future__ import annotations

import numpy as np
from safetensors.numpy import save_file
from torchvision.models import EfficientNet_B0_Weights

from searchengine.models.starter.image import WORDS
from searchengine.models.starter.text import TextNet, tokenize

#: First and last class number of each kind (ImageNet-1k orders its animals by WordNet).
KINDS = (
    *((0, 6, "fish"), (7, 8, "chicken"), (9, 24, "bird"), (25, 29, "salamander")),
    *((30, 32, "frog"), (33, 37, "turtle"), (38, 48, "lizard"), (49, 50, "crocodile")),
    *((52, 68, "snake"), (72, 77, "spider"), (80, 100, "bird"), (101, 101, "elephant")),
    *((112, 117, "snail or shell"), (118, 121, "crab"), (122, 124, "lobster"), (127, 146, "bird")),
    *((147, 148, "whale"), (149, 150, "seal"), (151, 268, "dog"), (269, 275, "wild dog, wolf")),
    *((277, 280, "fox"), (281, 285, "cat"), (286, 293, "big cat"), (294, 297, "bear")),
    *((300, 307, "beetle, insect"), (308, 320, "insect"), (321, 326, "butterfly")),
    *((330, 332, "rabbit"), (333, 338, "rodent"), (339, 339, "horse"), (341, 342, "pig")),
    *((345, 345, "cow, cattle"), (346, 347, "cattle"), (348, 349, "sheep"), (350, 350, "goat")),
    *((351, 353, "antelope"), (354, 355, "camel"), (356, 361, "weasel"), (365, 368, "ape")),
    *((369, 384, "monkey"), (385, 386, "elephant"), (387, 388, "panda"), (389, 397, "fish")),
)


def describe(number: int, name: str) -> str:
    kind = next((kind for first, last, kind in KINDS if first <= number <= last), None)
    return f"{name}, {kind}" if kind else name


def main() -> None:
    names = EfficientNet_B0_Weights.DEFAULT.meta["categories"]
    network = TextNet()
    words = network([tokenize(describe(number, name)) for number, name in enumerate(names)])
    save_file({"words": words.astype(np.float16)}, WORDS)
    print(f"{WORDS.name}: {len(names)} classes, {WORDS.stat().st_size} bytes")


if __name__ == "__main__":
    main()
