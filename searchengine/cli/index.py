"""``index``: fill a collection from files and folders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import typer

from searchengine.cli import index_options as read
from searchengine.cli import options as opt
from searchengine.cli.formats import write_json, write_jsonl
from searchengine.cli.progress import watched
from searchengine.cli.render import (
    duration_text,
    near,
    plural,
    print_table,
    say,
    tell,
)
from searchengine.cli.session import session_of
from searchengine.media.options import MediaOptions
from searchengine.types import Failure, IndexReport, Modality, Planned

if TYPE_CHECKING:
    from searchengine.media.outline import Cutting

#: From here on failures are shown by reason, with a few paths of each.
_MANY_FAILURES = 20
_EXAMPLES = 3


def index(
    ctx: typer.Context,
    paths: read.Paths,
    collection: opt.Collection = None,
    encoder: opt.EncoderName = None,
    device: opt.Device = None,
    workers: read.Workers = None,
    memory_budget: read.MemoryBudget = None,
    modality: read.ModalityChoice = "auto",
    include: read.Include = None,
    exclude: read.Exclude = None,
    prune: read.Prune = False,
    dry_run: read.DryRun = False,
    segment_s: read.SegmentS = None,
    overlap_s: read.OverlapS = None,
    no_soundtrack: read.NoSoundtrack = False,
    depth_scale_m: read.DepthScaleM = None,
    thermal_scale_k: read.ThermalScaleK = None,
    thermal_offset_k: read.ThermalOffsetK = None,
    imu_rate_hz: read.ImuRateHz = None,
    imu_columns: read.ImuColumns = None,
    as_json: opt.AsJson = False,
) -> None:
    """Index files and folders; what has not changed since the last time is skipped.

    A file that cannot be read is reported and left out; it never stops the run.
    """
    media = _media_options(
        depth_scale_m=depth_scale_m,
        thermal_scale_k=thermal_scale_k,
        thermal_offset_k=thermal_offset_k,
        imu_rate_hz=imu_rate_hz,
        imu_columns=_columns(imu_columns),
    )
    which: dict[str, Any] = {
        "modality": None if modality == "auto" else Modality(modality),
        "include": include or (),
        "exclude": exclude or (),
    }
    cutting = _cutting(segment_s, overlap_s)
    session = session_of(ctx).using(collection, encoder, device)
    with session.engine(media, memory_budget) as engine:
        if dry_run:
            _show_plan(engine.plan(paths, **which), as_json)
            return
        with _resumable(), watched() as on_progress:
            report = engine.index(
                paths,
                **which,
                prune=prune,
                workers=workers,
                cutting=cutting,
                soundtrack=not no_soundtrack,
                on_progress=on_progress,
            )
    write_json(asdict(report)) if as_json else _show_report(report)


@contextmanager
def _resumable() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted; what was indexed is kept, and the same command goes on from there")
        raise


def _media_options(**given: Any) -> MediaOptions:
    return replace(MediaOptions(), **{k: v for k, v in given.items() if v is not None})


def _columns(text: str | None) -> tuple[tuple[str, str], ...] | None:
    """``accel_x_g=AccX,...`` as pairs."""
    if text is None:
        return None
    pairs = tuple(tuple(pair.strip().split("=", 1)) for pair in text.split(","))
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise typer.BadParameter(
            f"{text!r} is not OURS=THEIRS,..., such as accel_x_g=AccX,gyro_x_deg_s=GyrX",
            param_hint="--imu-columns",
        )
    return tuple((ours, theirs) for ours, theirs in pairs)


def _cutting(segment_s: float | None, overlap_s: float | None) -> Cutting:
    from searchengine.media.outline import Cutting  # loads every decoder

    cutting = Cutting() if segment_s is None else Cutting(segment_s, segment_s, segment_s)
    return cutting if overlap_s is None else replace(cutting, overlap_s=overlap_s)


def _show_plan(plan: Iterable[Planned], as_json: bool) -> None:
    if as_json:
        for planned in plan:
            write_jsonl(asdict(planned))
        return
    rows = [(near(p.path), p.modality or "-", p.rule, p.state) for p in plan]
    print_table(("path", "modality", "rule", "state"), rows)
    if not rows:
        say("no files here")


def _show_report(report: IndexReport) -> None:
    counts = {name: getattr(report, name) for name in _COUNTS}
    nothing = "nothing indexed" if report.failures else "no files here"
    tell(", ".join(f"{count} {name}" for name, count in counts.items() if count) or nothing)
    done = report.new + report.changed
    rate = f", {done / report.seconds:.1f} files/s" if done and report.seconds > 0 else ""
    tell(f"{plural(report.segments, 'segment')} in {duration_text(report.seconds)}{rate}")
    if report.failures:
        tell()
        _show_failures(report.failures)


_COUNTS = ("new", "changed", "moved", "gone", "unchanged")


def _show_failures(failures: tuple[Failure, ...]) -> None:
    tell(f"{plural(len(failures), 'file')} could not be indexed:")
    if len(failures) <= _MANY_FAILURES:
        for failure in failures:
            tell(f"  {near(failure.path)}: {failure.reason}")
        return
    for reason, paths in _by_reason(failures):
        tell(f"  {plural(len(paths), 'file')}: {reason}")
        for path in paths[:_EXAMPLES]:
            tell(f"    {near(path)}")
        if len(paths) > _EXAMPLES:
            tell(f"    and {len(paths) - _EXAMPLES} more; --json lists them all")


def _by_reason(failures: tuple[Failure, ...]) -> list[tuple[str, list[str]]]:
    """Reasons with their files, the most frequent first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for failure in failures:
        groups[failure.reason].append(failure.path)
    return sorted(groups.items(), key=lambda group: -len(group[1]))
