"""``query``, ``similar`` and ``show``: what is asked, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from searchengine.cli import options as opt
from searchengine.cli import query_options as ask
from searchengine.cli.formats import Format, chosen_format, write_hits, write_json
from searchengine.cli.parts import Asked, asked_for, modalities, stdin_read
from searchengine.cli.render import (
    on_terminal,
    print_hits,
    print_table,
    printable,
    say,
    size_text,
    span_text,
    tell,
)
from searchengine.cli.session import session_of
from searchengine.documents import item_dict
from searchengine.types import GroupBy, MediaItem, Mode, Score, SearchResult, Segment

NOTHING_FOUND = 1

ItemId = Annotated[int, typer.Argument(metavar="ID", help="As hits and `show` give it.")]


def query(
    ctx: typer.Context,
    words: ask.Words = None,
    text: ask.Text = None,
    image: ask.File = None,
    video: ask.File = None,
    audio: ask.File = None,
    depth: ask.File = None,
    thermal: ask.File = None,
    imu: ask.File = None,
    like: ask.Like = None,
    weight: ask.Weight = None,
    not_text: ask.NotText = None,
    not_image: ask.NotFile = None,
    not_video: ask.NotFile = None,
    not_audio: ask.NotFile = None,
    not_depth: ask.NotFile = None,
    not_thermal: ask.NotFile = None,
    not_imu: ask.NotFile = None,
    not_like: ask.NotLike = None,
    to: ask.To = None,
    where: ask.Filter = None,
    path: ask.PathGlob = None,
    k: ask.Count = 10,
    offset: ask.Offset = 0,
    group: ask.Group = GroupBy.ITEM,
    score: ask.ScoreBy = Score.CALIBRATED,
    mode: ask.ModeBy = Mode.SUM,
    min_score: ask.MinScore = None,
    exact: ask.Exact = False,
    dedup: ask.Dedup = False,
    dedup_at: ask.DedupAt = None,
    diverse: ask.Diverse = False,
    diverse_by: ask.DiverseBy = None,
    hybrid: ask.Hybrid = False,
    explained: ask.Explain = False,
    as_json: ask.HitsJson = False,
    as_jsonl: ask.HitsJsonl = False,
    as_csv: ask.HitsCsv = False,
    as_paths: ask.HitsPaths = False,
    as_zero: ask.HitsZero = False,
    open_best: ask.Open = False,
    collection: opt.Collection = None,
    encoder: opt.EncoderName = None,
    device: opt.Device = None,
    server: opt.Server = None,
) -> None:
    """Find what is nearest to words, files and items, in any modality; parts add up.

    Exits 1 when nothing is found, 3 when a query file is missing or cannot be read.
    """
    form = _format(as_json, as_jsonl, as_csv, as_paths, as_zero)
    _may_open(open_best)
    if server and (encoder or device):
        raise typer.BadParameter("--encoder and --device are the server's to choose")
    asked = asked_for(
        {
            "text": [*([words] if words is not None else []), *(text or ())],
            "image": image,
            "video": video,
            "audio": audio,
            "depth": depth,
            "thermal": thermal,
            "imu": imu,
        },
        {
            "text": not_text,
            "image": not_image,
            "video": not_video,
            "audio": not_audio,
            "depth": not_depth,
            "thermal": not_thermal,
            "imu": not_imu,
        },
        like,
        weight,
        not_like,
    )
    ranking = _ranking(to, where, path, k, offset, group, score, min_score, exact, explained)
    ranking["dedup"] = dedup if dedup_at is None else dedup_at
    ranking["diverse"] = diverse if diverse_by is None else diverse_by
    session = session_of(ctx).using(collection, encoder, device)
    with stdin_read(asked) as read, session.door(server) as door:
        result = door.search(**read.keywords(), **ranking, mode=mode, hybrid=hybrid)
    _answer(result, asked.parts(), form, open_best)


def similar(
    ctx: typer.Context,
    item_id: ItemId,
    to: ask.To = None,
    where: ask.Filter = None,
    path: ask.PathGlob = None,
    k: ask.Count = 10,
    offset: ask.Offset = 0,
    group: ask.Group = GroupBy.ITEM,
    score: ask.ScoreBy = Score.CALIBRATED,
    min_score: ask.MinScore = None,
    exact: ask.Exact = False,
    dedup: ask.Dedup = False,
    dedup_at: ask.DedupAt = None,
    diverse: ask.Diverse = False,
    diverse_by: ask.DiverseBy = None,
    explained: ask.Explain = False,
    as_json: ask.HitsJson = False,
    as_jsonl: ask.HitsJsonl = False,
    as_csv: ask.HitsCsv = False,
    as_paths: ask.HitsPaths = False,
    as_zero: ask.HitsZero = False,
    open_best: ask.Open = False,
    collection: opt.Collection = None,
    server: opt.Server = None,
) -> None:
    """Find what is nearest to an item of the collection, without that item."""
    form = _format(as_json, as_jsonl, as_csv, as_paths, as_zero)
    _may_open(open_best)
    ranking = _ranking(to, where, path, k, offset, group, score, min_score, exact, explained)
    ranking["dedup"] = dedup if dedup_at is None else dedup_at
    ranking["diverse"] = diverse if diverse_by is None else diverse_by
    with session_of(ctx).using(collection).door(server) as door:
        result = door.similar(item_id, **ranking)
    _answer(result, Asked(like=(item_id,)).parts(), form, open_best)


def show(
    ctx: typer.Context,
    item_id: ItemId,
    collection: opt.Collection = None,
    server: opt.Server = None,
    as_json: opt.AsJson = False,
) -> None:
    """Show what is kept of one item: its file, its metadata, its segments."""
    with session_of(ctx).using(collection).door(server) as door:
        item, segments = door.show(item_id)
    write_json(item_dict(item, segments)) if as_json else _show_item(item, segments)


def _format(as_json: bool, as_jsonl: bool, as_csv: bool, as_paths: bool, as_zero: bool) -> Format:
    return chosen_format(
        {
            Format.JSON: as_json,
            Format.JSONL: as_jsonl,
            Format.CSV: as_csv,
            Format.PATHS: as_paths,
            Format.ZERO: as_zero,
        }
    )


def _ranking(
    to: list[str] | None,
    where: str | None,
    path: str | None,
    k: int,
    offset: int,
    group: GroupBy,
    score: Score,
    min_score: float | None,
    exact: bool,
    explained: bool,
) -> dict[str, Any]:
    """As ``Engine.search`` takes it."""
    return {
        "targets": modalities(to),
        "filter": where,
        "path": path,
        "k": k,
        "offset": offset,
        "group_by": group,
        "score": score,
        "min_score": min_score,
        "exact": exact,
        "explain": explained,
    }


def _may_open(wanted: bool) -> None:
    if wanted and not on_terminal():
        raise typer.BadParameter("opens a program; it needs a terminal", param_hint="--open")


def _answer(
    result: SearchResult, asked: Sequence[Mapping[str, Any]], form: Format, open_best: bool
) -> None:
    if form is not Format.TABLE:
        write_hits(result, asked, form)
    elif result.hits:
        print_hits(result)
    if not result.hits:
        say(f"nothing found: {result.reason}")
        raise typer.Exit(NOTHING_FOUND)
    if result.relevant is False:
        say("nothing relevant: even the best is no nearer than strangers are")
    if open_best:
        typer.launch(result.hits[0].item.path)


def _show_item(item: MediaItem, segments: Sequence[Segment]) -> None:
    facts = {
        "id": item.id,
        "path": item.path,
        "modality": item.modality.value,
        "type": item.mime_type,
        "size": size_text(item.size_bytes),
        "duration": f"{item.duration_s:.2f} s" if item.duration_s is not None else None,
        "sha256": item.sha256,
        **item.metadata,
    }
    known = {name: str(value) for name, value in facts.items() if value is not None}
    width = max(map(len, known))
    for name, value in known.items():
        tell(f"{printable(name):{width}}  {value}")
    tell()
    rows = [(str(s.id), s.modality.value, span_text(s) or "all of it") for s in segments]
    print_table(("segment", "modality", "part"), rows, right=("segment",))
