"""``models check``: does a model see, hear and read the same things in its own examples?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from searchengine.cli import options as opt
from searchengine.cli.formats import write_json
from searchengine.cli.render import heading, near, print_table, say, tell
from searchengine.cli.session import session_of
from searchengine.types import FloatArray, Modality, QueryPart

if TYPE_CHECKING:
    from searchengine.encoders.encoder import Encoder

#: As every failure of a model.
FAILED = 4

#: A file is one whole, as in ImageBind's own example.
WHOLE_S = 3600.0

#: Times the cosine before the softmax, for a model that has learnt no scale of its own.
SCALE = 20.0

#: What is compared with what, in the order of ImageBind's own example.
PAIRS = (
    (Modality.IMAGE, Modality.TEXT),
    (Modality.AUDIO, Modality.TEXT),
    (Modality.IMAGE, Modality.AUDIO),
)

Files = Annotated[list[str], typer.Option(metavar="FILE", help="Two or more, in one order.")]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """``shares`` float32 (n, n): each row a softmax over the columns; its own on the diagonal."""

    rows: Modality
    columns: Modality
    shares: FloatArray

    @property
    def right(self) -> int:
        """Rows whose largest share is their own."""
        return int((self.shares.argmax(axis=1) == np.arange(len(self.shares))).sum())


def check(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of `models list`.")],
    image: Files,
    audio: Files,
    text: Annotated[list[str], typer.Option(metavar="WORDS", help="As many, in that order.")],
    device: opt.Device = None,
    as_json: opt.AsJson = False,
) -> None:
    """Compare pictures, sounds and words of the same things with each other.

    Prints three tables of softmax shares; exits 4 when a row prefers another than its own.
    """
    given = {Modality.TEXT: text, Modality.IMAGE: image, Modality.AUDIO: audio}
    if len({len(values) for values in given.values()}) > 1 or len(text) < 2:
        raise typer.BadParameter("give as many --image as --audio as --text, two or more of each")
    encoder = _load(ctx, name, device)
    vectors = _vectors(encoder, given)
    tables = [_table(encoder, vectors, rows, columns) for rows, columns in PAIRS]
    if as_json:
        write_json(_document(encoder, given, tables))
    else:
        _show(given, tables)
    if any(table.right < len(text) for table in tables):
        raise typer.Exit(FAILED)


def _load(ctx: typer.Context, name: str, device: str | None) -> Encoder:
    from searchengine.encoders.registry import load

    return load(name, session_of(ctx).using(device=device).settings.device)


def _vectors(encoder: Encoder, given: dict[Modality, list[str]]) -> dict[Modality, FloatArray]:
    """Float32 (n, dim) by modality, of files decoded as those of a query."""
    from searchengine.media.options import MediaOptions
    from searchengine.media.outline import Cutting
    from searchengine.media.sandbox import Sandbox
    from searchengine.query.parse import Reader

    sandbox = Sandbox(1)
    try:
        reader = Reader(encoder, sandbox, MediaOptions(), Cutting(audio_s=WHOLE_S))
        return {
            modality: np.stack(
                [_vector(encoder, reader.part(value, modality, 1.0)) for value in values]
            )
            for modality, values in given.items()
        }
    finally:
        sandbox.close()


def _vector(encoder: Encoder, part: QueryPart) -> FloatArray:
    """Of length 1; but of an encoder with a ``scale`` the mean of the unit vectors of its views,
    shorter than 1 where they differ, for that is what the published model scales.
    """
    from searchengine.query.embed import embed_media

    modality = part.modality
    if modality is None or modality is Modality.TEXT or not hasattr(encoder, "scale"):
        return embed_media(part, encoder)
    views = [view[None] for media in part.media for view in encoder.preprocess(media, modality)]
    mean: FloatArray = encoder.encode(views, modality).mean(axis=0)
    return mean


def _table(
    encoder: Encoder, vectors: dict[Modality, FloatArray], rows: Modality, columns: Modality
) -> Table:
    scale = getattr(encoder, "scale", None)
    factor = scale(rows) * scale(columns) if scale else SCALE
    scaled = factor * vectors[rows].astype(np.float64) @ vectors[columns].T
    shares = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return Table(rows, columns, (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32))


def _document(
    encoder: Encoder, given: dict[Modality, list[str]], tables: Sequence[Table]
) -> dict[str, Any]:
    return {
        "encoder": encoder.name,
        "identity": encoder.identity,
        "given": {modality.value: values for modality, values in given.items()},
        "tables": [
            {
                "rows": table.rows.value,
                "columns": table.columns.value,
                "softmax": table.shares.tolist(),
                "right": table.right,
            }
            for table in tables
        ],
    }


def _show(given: dict[Modality, list[str]], tables: Sequence[Table]) -> None:
    for number, table in enumerate(tables):
        if number:
            tell()
        columns = [_label(table.columns, value) for value in given[table.columns]]
        heading(f"{table.rows} x {table.columns}")
        rows = [
            (_label(table.rows, value), *(f"{share:.4f}" for share in shares))
            for value, shares in zip(given[table.rows], table.shares, strict=True)
        ]
        print_table(("", *columns), rows, right=columns)
    right, all_rows = sum(table.right for table in tables), sum(len(t.shares) for t in tables)
    say(f"{right} of {all_rows} rows prefer their own")


def _label(modality: Modality, value: str) -> str:
    return value if modality is Modality.TEXT else near(value)
