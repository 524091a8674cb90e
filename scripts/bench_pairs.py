"""Recall of tuned indexes for every pair of modalities, with the vectors of a library.

    python scripts/bench_pairs.py LIBRARY [--collection NAME] [--queries 100]

Of each modality up to so many items, and at most a quarter, only ask; the others are stored anew,
with an index in every modality, however few they are, and tuned with what is stored. What an index
finds for an item that asks is compared with an exact search: a hit counts when its cosine is among
the 10 best, so any of several copies will do. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from searchengine.engine import Engine
from searchengine.query.calibrate import backgrounds
from searchengine.query.embed import Part
from searchengine.store.change import Addition, Change
from searchengine.store.library import Library
from searchengine.store.snapshot import Snapshot
from searchengine.store.vectors.recipe import RECIPE
from searchengine.types import FloatArray, Modality

K = 10

#: An index is made of any number of vectors, and nothing is compared beside it.
INDEXED = replace(RECIPE, exact_below=0, delta_floor=0, delta_share=0.0)

#: Cosines that differ by less are of copies.
SAME = 1e-6

Vectors = dict[Modality, FloatArray]


def split(engine: Engine, most: int) -> tuple[Vectors, Vectors]:
    """Of each modality what is stored and what asks, float32 (n, d); an item is on one side."""
    items: dict[Modality, dict[int, list[FloatArray]]] = defaultdict(lambda: defaultdict(list))
    for item, segment, vector in engine.export():
        items[segment.modality][item.id].append(vector)
    stored, asking = {}, {}
    for modality, by_item in items.items():
        order = np.random.default_rng(0).permutation(list(by_item)).tolist()
        first = min(most, len(order) // 4)
        asking[modality] = np.stack([by_item[one][0] for one in order[:first]])
        stored[modality] = np.stack([row for one in order[first:] for row in by_item[one]])
    return stored, asking


def addition(modality: Modality, number: int, vector: FloatArray) -> Addition:
    path = f"/{modality}/{number}"
    return Addition(
        path, modality, "", 1, 1, path, "", None, {}, "{}", ((modality, None),), vector[None]
    )


def recall(
    snapshot: Snapshot, asked: Modality, target: Modality, queries: FloatArray, centred: bool
) -> float:
    """As calibrated scores search, or by raw cosine."""
    table, learnt, found = snapshot.tables[target], backgrounds(snapshot, {}), []
    for query in queries:
        direction = learnt.aim([Part(query, asked, 1.0)], target).direction if centred else query
        how = {"modality": target, "asked": [asked]}
        near = table.search(direction[None], K, **how)[0].similarities
        exact = table.search(direction[None], K, **how, exact=True)[0].similarities
        found.append(float((near >= exact[-1] - SAME).sum()) / len(exact))
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("--collection", default="default")
    parser.add_argument("--queries", type=int, default=100)
    given = parser.parse_args()
    with Engine(given.library, collection=given.collection) as engine:
        stored, asking = split(engine, given.queries)
        dim = engine.collection().dim
    with (
        tempfile.TemporaryDirectory() as folder,
        Library(Path(folder), create=True, recipe=INDEXED, database_url="") as library,
    ):
        with library.writer() as writer:
            collection = writer.create("default", "given", "given@1", "{}", dim)
            for modality, rows in stored.items():
                added = [addition(modality, n, row) for n, row in enumerate(rows)]
                writer.commit(collection, Change(additions=added))
            writer.tune(collection)
        snapshot = library.snapshot(collection)
        for target, table in snapshot.tables.items():
            print(f"{target}: {table.live} in {table.method}, {table.delta} beside")
        print(
            "| queries of | find | stored, ask | lists probed, reranked a hit | recall@10 | raw |"
        )
        print("|---|---|---|---|---|---|")
        for asked, queries in asking.items():
            for target, table in snapshot.tables.items():
                effort = table.effort([asked], target)
                scores = [recall(snapshot, asked, target, queries, way) for way in (True, False)]
                print(
                    f"| {asked} | {target} | {table.live}, {len(queries)} | {effort.probed:.2f}, "
                    f"{effort.rerank_factor} | {scores[0]:.3f} | {scores[1]:.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
