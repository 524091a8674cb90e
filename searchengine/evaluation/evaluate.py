"""Every item of a labelled folder asks for what shares a label with it.

The folder is indexed into a library of its own, which is thrown away. Vectors are compared one
by one: the encoder is measured, not an index of its vectors.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np

from searchengine.encoders.encoder import Encoder
from searchengine.engine import Engine
from searchengine.errors import DecodeError, NothingPublished, UnsupportedMedia
from searchengine.evaluation.labels import MARK, Descriptions, read_descriptions, sentences
from searchengine.evaluation.mixed import Mixed, mixed
from searchengine.evaluation.pairs import CAPTIONS, LABELS, Kind, Pair, Side, compare, side
from searchengine.media.metadata import NAME
from searchengine.media.options import MediaOptions
from searchengine.types import Failure, FloatArray, MediaItem, Modality, Progress


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, and on what.

    ``items`` counts those that took part, by modality; ``sentences`` are what stood for each
    label. ``unlisted`` files can be read but are in no row of the metadata, and take no part.
    """

    encoder: str
    identity: str
    items: dict[str, int]
    sentences: dict[str, tuple[str, ...]]
    pairs: tuple[Pair, ...]
    mixed: tuple[Mixed, ...]
    failures: tuple[Failure, ...]
    unlisted: int
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """An item with its vectors float32 (segments, d), of length 1."""

    item: MediaItem
    vectors: FloatArray


def evaluate(
    dataset: str | Path,
    *,
    encoder: str | Encoder | None = None,
    device: str = "auto",
    prompts: Sequence[str] = (MARK,),
    wordings: Mapping[str, Sequence[str]] | None = None,
    options: MediaOptions | None = None,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Evaluation:
    """Measure an encoder (None: the default one) on a folder with a ``metadata.jsonl``.

    A row has ``file_name``, ``modality``, ``label`` or ``labels``, and perhaps a ``caption``. An
    item is found by the best of its segments and asks with the mean of them; soundtracks of
    videos are left out. A label asks, and is found, with the mean over the ``prompts``, in each of
    which ``{label}`` becomes each of its ``wordings``. Raises ConfigError for a folder, prompts or
    wordings that cannot be meant; files that cannot be used are among the failures.
    """
    start = time.perf_counter()
    top = Path(os.path.abspath(dataset))  # noqa: PTH100 (links stay links, as in an index run)
    described = read_descriptions(top)
    words = sentences(described.labels, prompts, wordings)
    with (
        tempfile.TemporaryDirectory(prefix="searchengine-eval-") as folder,
        Engine(
            Path(folder) / "library",
            encoder=encoder,
            device=device,
            options=options,
            database_url="",  # what is gone in a minute is nobody's database's business
        ) as engine,
    ):
        report = engine.index([top], soundtrack=False, workers=workers, on_progress=on_progress)
        found = _found(engine, top)
        named = {name: one for name, one in found.items() if name in described.rows}
        pairs = tuple(_pairs(engine, named, described, words))
        lists = _mixed(engine, named, described, words)
        used = engine.encoder()
    return Evaluation(
        used.name,
        used.identity,
        items=dict(Counter(one.item.modality.value for one in named.values())),
        sentences=words,
        pairs=pairs,
        mixed=lists,
        failures=_failures(top, described, report.failures, named),
        unlisted=len(found.keys() - described.names),
        seconds=time.perf_counter() - start,
    )


def _found(engine: Engine, top: Path) -> dict[str, _Found]:
    """Every item by its name below ``top``, in order."""
    items: dict[str, MediaItem] = {}
    vectors: dict[str, list[FloatArray]] = defaultdict(list)
    try:
        for item, _, vector in engine.export():
            name = Path(item.path).relative_to(top).as_posix()
            items[name] = item
            vectors[name].append(vector)
    except NothingPublished:  # every file has failed
        pass
    return {name: _Found(items[name], np.stack(vectors[name])) for name in sorted(items)}


def _pairs(
    engine: Engine,
    found: Mapping[str, _Found],
    about: Descriptions,
    words: Mapping[str, Sequence[str]],
) -> Iterator[Pair]:
    """Across modalities, with labels, with captions, then each modality with itself."""
    sides = _sides(found, {name: row.labels for name, row in about.rows.items()})
    for query, target in permutations(sides, 2):
        yield compare(query, target, Kind.ACROSS)
    if Modality.TEXT in engine.encoder().modalities:
        yield from _with_labels(engine, sides, words)
        yield from _with_captions(engine, found, about)
    for one in sides:
        yield compare(one, one, Kind.WITHIN)


def _mixed(
    engine: Engine,
    found: Mapping[str, _Found],
    about: Descriptions,
    words: Mapping[str, Sequence[str]],
) -> tuple[Mixed, ...]:
    """Of lists over all modalities, where there is more than one."""
    items = [found[name].item for name, row in about.rows.items() if row.labels and name in found]
    if len({item.modality for item in items}) < 2:
        return ()
    topics = {found[name].item.id: row.labels for name, row in about.rows.items() if name in found}
    asking = words if Modality.TEXT in engine.encoder().modalities else {}
    return mixed(engine, items, topics, asking)


def _with_labels(
    engine: Engine, sides: Sequence[Side], words: Mapping[str, Sequence[str]]
) -> Iterator[Pair]:
    if not sides:
        return
    labels = _texts(engine, LABELS, words)
    for one in sides:
        yield compare(labels, one, Kind.LABELS)
    for one in sides:
        yield compare(one, labels, Kind.LABELS)


def _with_captions(
    engine: Engine, found: Mapping[str, _Found], about: Descriptions
) -> Iterator[Pair]:
    """A caption belongs to its own item, and to those that have the very same."""
    captions = {name: row.caption for name, row in about.rows.items() if row.caption}
    for one in _sides(found, {name: frozenset({text}) for name, text in captions.items()}):
        texts = _texts(engine, CAPTIONS, {t: (t,) for t in sorted(frozenset().union(*one.topics))})
        yield compare(texts, one, Kind.CAPTIONS)
        yield compare(one, texts, Kind.CAPTIONS)


def _sides(found: Mapping[str, _Found], topics: Mapping[str, frozenset[str]]) -> list[Side]:
    """The items that have topics, a side for each modality."""
    sides = []
    for modality in Modality:
        names = [n for n, one in found.items() if one.item.modality is modality and topics.get(n)]
        if names:
            contents = [found[name].item.sha256 for name in names]
            vectors = [found[name].vectors for name in names]
            sides.append(side(modality, [topics[name] for name in names], contents, vectors))
    return sides


def _texts(engine: Engine, name: str, words: Mapping[str, Sequence[str]]) -> Side:
    """A side of topics, the mean of its sentences each: so Radford et al. (2021) ask CLIP."""
    vectors = []
    for said in words.values():
        mean = np.mean([engine.embed(text=sentence) for sentence in said], axis=0)
        vectors.append(mean[None] / max(float(np.linalg.norm(mean)), 1e-6))
    return side(name, [frozenset({topic}) for topic in words], list(words), vectors)


def _failures(
    top: Path, about: Descriptions, known: Sequence[Failure], found: Mapping[str, _Found]
) -> tuple[Failure, ...]:
    """Those of the run, rows of no use, and files that a row names but nobody came across."""
    failures = [*known, *about.failures]
    reported = {failure.path for failure in failures}
    lost = [str(top / name) for name in sorted(about.rows) if name not in found]
    return (*failures, *(_lost(path) for path in lost if path not in reported))


def _lost(path: str) -> Failure:
    if not os.path.lexists(path):
        return Failure(path, DecodeError.__name__, f"no such file, but {NAME} names it")
    reason = "no kind of file that is read, or hidden, or in a folder that was seen before"
    return Failure(path, UnsupportedMedia.__name__, reason)
