"""``export``: take the vectors out, for other tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import typer

from searchengine.cli import options as opt
from searchengine.cli.formats import write_jsonl
from searchengine.cli.render import plural, say
from searchengine.cli.session import session_of
from searchengine.errors import ConfigError
from searchengine.types import FloatArray, MediaItem, Modality, Segment

Row: TypeAlias = tuple[MediaItem, Segment, FloatArray]

#: Vectors a parquet row group: 16 MB of 1024 numbers.
_GROUP_ROWS = 4096


def export(
    ctx: typer.Context,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A .npz (made in memory), .jsonl or .parquet file.",
            show_default="JSON lines on stdout",
        ),
    ] = None,
    modality: Annotated[Modality | None, typer.Option(help="Only vectors of this one.")] = None,
    collection: opt.Collection = None,
) -> None:
    """Write every vector (unit length, float32) with the file and the part it stands for."""
    write = _writer(output)
    with session_of(ctx).using(collection).engine() as engine:
        count = write(engine.export(modality))
    say(f"{plural(count, 'vector')} written")


def _writer(output: Path | None) -> Callable[[Iterable[Row]], int]:
    if output is None:
        return _to_stdout
    writers = {".npz": _npz, ".jsonl": _jsonl, ".parquet": _parquet}
    if output.suffix not in writers:
        raise typer.BadParameter(
            f"{output} ends in none of {', '.join(writers)}", param_hint="--output"
        )
    write = writers[output.suffix]

    def whole(rows: Iterable[Row]) -> int:
        with _whole_file(output) as part:
            return write(rows, part)

    return whole


@contextmanager
def _whole_file(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place only when all went well."""
    part = path.with_name(path.name + ".part")
    try:
        yield part
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _to_stdout(rows: Iterable[Row]) -> int:
    count = 0
    for row in rows:
        write_jsonl(_record(row))
        count += 1
    return count


def _jsonl(rows: Iterable[Row], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(_record(row)) + "\n")
            count += 1
    return count


def _record(row: Row) -> dict[str, Any]:
    item, segment, vector = row
    return {**_place(item, segment), "vector": vector.tolist()}


def _place(item: MediaItem, segment: Segment) -> dict[str, Any]:
    """What a vector stands for; ``start`` is None when it is the whole item."""
    span = segment.span
    return {
        "segment": segment.id,
        "id": item.id,
        "path": item.path,
        "modality": segment.modality.value,
        "start": span.start if span else None,
        "end": span.end if span else None,
        "unit": span.unit.value if span else None,
    }


def _npz(rows: Iterable[Row], path: Path) -> int:
    """One array a field, in the same order; a whole item has NaN for its start and end."""
    places, vectors = [], []
    for item, segment, vector in rows:
        places.append(_place(item, segment))
        vectors.append(vector)
    kinds = {"segment": np.int64, "id": np.int64, "start": np.float64, "end": np.float64}
    arrays: dict[str, Any] = {
        name: np.array([place[name] for place in places], kinds.get(name))
        for name in ("segment", "id", "start", "end")
    }
    for name in ("path", "modality", "unit"):
        arrays[name] = np.array([place[name] or "" for place in places], np.str_)
    with path.open("wb") as file:
        np.savez(file, vectors=np.array(vectors, np.float32), **arrays)
    return len(places)


def _parquet(rows: Iterable[Row], path: Path) -> int:
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise ConfigError(
            "parquet needs one more package: pip install 'searchengine[parquet]'"
        ) from None
    fields = {"segment": pa.int64(), "id": pa.int64(), "path": pa.string()}
    fields |= {"modality": pa.string(), "start": pa.float64(), "end": pa.float64()}
    fields |= {"unit": pa.string(), "vector": pa.list_(pa.float32())}
    schema, count = pa.schema(fields), 0
    with ParquetWriter(path, schema) as writer:
        for group in _groups(rows):
            records = [{**_record(row), "path": _utf8(row[0].path)} for row in group]
            writer.write_table(pa.Table.from_pylist(records, schema))
            count += len(group)
    return count


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while group := list(islice(rest, _GROUP_ROWS)):
        yield group


def _utf8(path: str) -> str:
    """A name that is not UTF-8 with its odd bytes as escapes: parquet has no other way."""
    return path.encode("utf-8", "backslashreplace").decode()
