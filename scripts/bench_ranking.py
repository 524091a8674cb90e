"""One list over all modalities, raw and calibrated, on labelled folders (docs/ranking.md).

    python scripts/bench_ranking.py FOLDER... [--shift 0 1] [--ceiling]

Prints nDCG@10 of lists ordered by raw cosine, by rank and calibrated, the share of each modality
among the relevant, and how often a question that has an answer is called answered, and one whose
answers were all taken out of the library. ``--ceiling`` also prints nDCG@10 of the best list that
keeps the order within each modality. ``--shift`` adds a vector of that length, another for
each modality, to every vector: the starter's modalities share one cone, while those of jointly
trained encoders have a cone each (Liang et al. 2022).
"""

from __future__ import annotations

import argparse
import hashlib
import math
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from searchengine.encoders.encoder import Encoder, Prepared
from searchengine.encoders.registry import load
from searchengine.engine import Engine
from searchengine.evaluation.labels import read_descriptions
from searchengine.evaluation.mixed import DEPTH, Mixed, mixed
from searchengine.types import FloatArray, Media, MediaInfo, MediaItem, Modality, Sampling, Span

#: What a hit on each place of a page is worth (Järvelin and Kekäläinen 2002).
DISCOUNTS = tuple(1 / math.log2(place + 2) for place in range(DEPTH))


class Shifted:
    """An encoder each of whose modalities lies in a cone of its own; what was encoded is kept."""

    def __init__(self, inner: Encoder, shift: float, kept: dict[str, FloatArray]) -> None:
        self._inner, self._kept = inner, kept
        random = np.random.default_rng(11)
        self._away = {}
        for modality in Modality:
            away = random.standard_normal(inner.dim)
            self._away[modality] = shift * random.uniform(0.7, 1.3) * away / np.linalg.norm(away)
        self.name, self.identity, self.dim = "shifted", f"{inner.identity}+{shift}", inner.dim
        self.modalities = inner.modalities
        self.centers: Mapping[Modality, FloatArray] = {}

    def sampling(self, info: MediaInfo, span: Span | None) -> Sampling:
        return self._inner.sampling(info, span)

    def preprocess(self, media: Media, modality: Modality) -> Prepared:
        return self._inner.preprocess(media, modality)

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        vectors = np.stack([self._one(prepared, modality) for prepared in batch])
        vectors = vectors + self._away[modality]
        scaled: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return scaled.astype(np.float32)

    def _one(self, prepared: Prepared, modality: Modality) -> FloatArray:
        key = f"{modality}{hashlib.sha256(np.ascontiguousarray(prepared)).hexdigest()}"
        if key not in self._kept:
            self._kept[key] = self._inner.encode([prepared], modality)[0]
        return self._kept[key]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--shift", nargs="+", type=float, default=[0.0, 1.0])
    parser.add_argument("--ceiling", action="store_true", help="what an oracle reaches; minutes")
    given = parser.parse_args()
    inner = load("starter", "cpu")
    for folder in given.folders:
        kept: dict[str, FloatArray] = {}
        for shift in given.shift:
            with tempfile.TemporaryDirectory() as library:
                encoder = Shifted(inner, shift, kept)
                with Engine(Path(library) / "library", encoder=encoder) as engine:
                    engine.index([folder], soundtrack=False)
                    measure(
                        engine, folder.resolve(), f"{folder.name}, shift {shift:g}", given.ceiling
                    )


def measure(engine: Engine, top: Path, title: str, ceilings: bool = False) -> None:
    about = read_descriptions(top)
    items = {Path(i.path).relative_to(top).as_posix(): i for i in engine.items(limit=1_000_000)}
    labelled = {n: i for n, i in items.items() if n in about.rows and about.rows[n].labels}
    topics = {item.id: about.rows[name].labels for name, item in labelled.items()}
    print(f"{title}: {len(topics)} items")
    words = {label: (label,) for label in about.labels}
    for one in mixed(engine, list(labelled.values()), topics, words):
        show(one)
    if ceilings:
        ceiling(engine, list(labelled.values()), topics)
    answered(engine, list(labelled.values()), topics)


def show(one: Mixed) -> None:
    sides = ", ".join(f"{side} {gain:.2f}" for side, gain in one.ndcg_at_10.items())
    shares = ", ".join(f"{m} {one.found.get(m, 0):.2f} of {s:.2f}" for m, s in one.relevant.items())
    print(f"  {one.score}, {one.queries} queries: nDCG@10 {one.ndcg_at_10['all']:.3f} ({sides})")
    print(f"    share of the relevant, found of all: {shares}", flush=True)


def ceiling(
    engine: Engine, items: Sequence[MediaItem], topics: Mapping[int, frozenset[str]]
) -> None:
    """What a merge reaches that knows the answers, and keeps the order within each modality."""
    gains: dict[str, list[float]] = defaultdict(list)
    asked: list[tuple[str, dict[str, Any], frozenset[str], str]] = [
        (item.modality.value, {"like": item.id}, topics[item.id], item.sha256) for item in items
    ]
    for label in sorted(frozenset().union(*topics.values())):
        asked.append(("labels", {"text": label}, frozenset({label}), ""))
    for side, query, labels, itself in asked:
        wanted = {one.id for one in items if topics[one.id] & labels and one.sha256 != itself}
        if wanted:
            lists = [
                [hit.item.id in wanted for hit in engine.search(**query, k=DEPTH, targets=[target])]
                for target in {item.modality for item in items}
            ]
            gains[side].append(best_merge(lists) / sum(DISCOUNTS[: len(wanted)]))
    sides = ", ".join(f"{side} {np.mean(them):.2f}" for side, them in gains.items())
    everything = np.mean([gain for them in gains.values() for gain in them])
    print(f"  at best, knowing the answers: nDCG@10 {everything:.3f} ({sides})", flush=True)


def best_merge(lists: Sequence[Sequence[bool]]) -> float:
    """The greatest discounted gain of ten hits, each the next of one of the ``lists``."""
    reached = {(0,) * len(lists): 0.0}  # by how many of each list were taken
    for discount in DISCOUNTS:
        further: dict[tuple[int, ...], float] = {}
        for taken, gain in reached.items():
            for n, one in enumerate(lists):
                if taken[n] < len(one):
                    more = (*taken[:n], taken[n] + 1, *taken[n + 1 :])
                    further[more] = max(further.get(more, 0), gain + discount * one[taken[n]])
        reached = further or reached
    return max(reached.values())


def answered(
    engine: Engine, items: Sequence[MediaItem], topics: Mapping[int, frozenset[str]]
) -> None:
    """Of questions with answers, and of the same with their answers taken out."""
    called: dict[bool, list[bool]] = {True: [], False: []}
    for item in items:
        alike = [i for i, mine in topics.items() if mine & topics[item.id]]
        if len(alike) > 1:
            rest = f"not id in ({', '.join(map(str, alike))})"
            called[True].append(bool(engine.similar(item.id, k=1).relevant))
            called[False].append(bool(engine.similar(item.id, k=1, filter=rest).relevant))
    rates = {there: np.mean(them) for there, them in called.items()}
    print(f"  called relevant: {rates[True]:.2f} with an answer, {rates[False]:.2f} without")


if __name__ == "__main__":
    main()
