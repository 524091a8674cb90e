"""``eval``: how well an encoder finds, on a folder whose files are labelled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchengine.cli import index_options as read
from searchengine.cli import options as opt
from searchengine.cli.formats import write_json
from searchengine.cli.progress import watched
from searchengine.cli.render import (
    duration_text,
    heading,
    near,
    plural,
    print_table,
    say,
    tell,
)
from searchengine.cli.session import session_of
from searchengine.errors import ConfigError

if TYPE_CHECKING:
    from searchengine.evaluation.evaluate import Evaluation
    from searchengine.evaluation.mixed import Mixed
    from searchengine.evaluation.pairs import Measures, Pair

NOTHING_FOUND = 1

_MEASURES = ("recall@1", "recall@5", "mAP", "accuracy")
_NUMBERS = ("queries", "gallery", *_MEASURES)

#: Failures that are listed; `--json` has them all.
_SHOWN = 20


def evaluate(
    ctx: typer.Context,
    dataset: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET",
            help="A folder with a metadata.jsonl of file_name, modality and label or labels.",
        ),
    ],
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="The sentence for a label, such as 'a photo of {label}'. Repeatable: their mean.",
            show_default="{label}",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='Words for the labels: JSON such as {"dog": ["a dog", "a puppy"], ...}.',
            show_default="the labels themselves",
        ),
    ] = None,
    by_label: Annotated[
        bool, typer.Option("--by-label", metavar="", help="Show each label by itself, too.")
    ] = False,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The model to measure. `searchengine models list` names them.",
            show_default="$SEARCHENGINE_ENCODER, or starter",
        ),
    ] = None,
    device: opt.Device = None,
    workers: read.Workers = None,
    as_json: opt.AsJson = False,
) -> None:
    """Measure how well an encoder finds things across modalities, beside chance.

    Everything asks every other modality, and the labels as texts, for what has one of its labels.
    The library is temporary; files that cannot be read are listed and left out.
    """
    from searchengine.evaluation.evaluate import evaluate as measure  # loads FAISS
    from searchengine.evaluation.labels import MARK

    settings = session_of(ctx).using(encoder=encoder, device=device).settings
    with watched() as on_progress:
        found = measure(
            dataset,
            encoder=settings.encoder,
            device=settings.device,
            prompts=prompt or (MARK,),
            wordings=_wordings(labels) if labels else None,
            workers=workers,
            on_progress=on_progress,
        )
    write_json(asdict(found)) if as_json else _show(found, by_label)
    if not any(pair.score for pair in found.pairs):
        say("nothing to measure: no two things that could be read belong together")
        raise typer.Exit(NOTHING_FOUND)


def _wordings(path: Path) -> dict[str, list[str]]:
    """Raises ConfigError for a file that does not hold words for labels."""
    try:
        read = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON in UTF-8 ({error})") from None
    if not isinstance(read, dict):
        raise ConfigError(f"{path}: no JSON object of labels and their words")
    words = {label: said if isinstance(said, list) else [said] for label, said in read.items()}
    for label, said in words.items():
        if not all(isinstance(one, str) for one in said):
            raise ConfigError(f"{path}: the words for {label!r} are no text or list of texts")
    return words


def _show(found: Evaluation, by_label: bool) -> None:
    items = ", ".join(f"{count} {modality}" for modality, count in found.items.items())
    labels = plural(len(found.sentences), "label")
    tell(f"{found.identity}: {items or 'nothing'}; {labels}; {duration_text(found.seconds)}")
    within = [pair for pair in found.pairs if pair.kind == "within"]
    _table("", [pair for pair in found.pairs if pair not in within])
    _table("Within a modality, each without itself and its copies", within)
    _mixed_table(found.mixed)
    if by_label:
        _label_table(found.pairs)
    _show_left_out(found)


def _table(title: str, pairs: Sequence[Pair]) -> None:
    if not pairs:
        return
    tell()
    if title:
        heading(title)
    rows = [row for pair in pairs for row in _rows(pair)]
    print_table(("query", "target", *_NUMBERS), rows, right=_NUMBERS)


def _rows(pair: Pair) -> Iterator[tuple[str, ...]]:
    """The row of a pair, and that of chance below it."""
    score, everything = pair.score, pair.left_out + (pair.score.queries if pair.score else 0)
    asked = f"{score.queries if score else 0} of {everything}"
    names = (pair.query, pair.target, asked, str(pair.gallery))
    yield (*names, *_cells(score.measured if score else None))
    if score:
        yield ("", "by chance", "", "", *_cells(score.chance))


def _cells(measures: Measures | None) -> list[str]:
    if measures is None:
        return ["-"] * 4
    values = (measures.recall_at_1, measures.recall_at_5, measures.map, measures.accuracy)
    return ["-" if value is None else f"{value:.3f}" for value in values]


def _mixed_table(lists: Sequence[Mixed]) -> None:
    """One list over all modalities: its order, and which modalities its right answers are of."""
    if not lists:
        return
    tell()
    heading("One list over all modalities")
    sides = tuple(lists[0].ndcg_at_10)
    rows = [(one.score, *(f"{one.ndcg_at_10[side]:.3f}" for side in sides)) for one in lists]
    print_table(("nDCG@10", *sides), rows, right=sides)
    tell()
    modalities = tuple(lists[0].relevant)
    shares = [(f"found by {one.score}", one.found) for one in lists]
    rows = [
        (name, *(f"{100 * share.get(modality, 0):.0f} %" for modality in modalities))
        for name, share in (("relevant", lists[0].relevant), *shares)
    ]
    print_table(("share", *modalities), rows, right=modalities)


def _label_table(pairs: Sequence[Pair]) -> None:
    """Where a label is found well and where not: its queries, without chance."""
    tell()
    rows = [
        (label, pair.query, pair.target, str(score.queries), *_cells(score.measured))
        for pair in pairs
        for label, score in pair.by_label.items()
    ]
    right = ("queries", *_MEASURES)
    print_table(("label", "query", "target", *right), sorted(rows), right=right)


def _show_left_out(found: Evaluation) -> None:
    if found.unlisted:
        tell()
        tell(f"{plural(found.unlisted, 'file')} in no row of metadata.jsonl took no part")
    if not found.failures:
        return
    tell()
    tell(f"{plural(len(found.failures), 'file')} left out:")
    for failure in found.failures[:_SHOWN]:
        tell(f"  {near(failure.path)}: {failure.reason}")
    if len(found.failures) > _SHOWN:
        tell(f"  and {len(found.failures) - _SHOWN} more; --json lists them all")
