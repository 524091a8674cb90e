"""Options that most commands have: which library, which model, how to answer."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Collection = Annotated[
    str | None,
    typer.Option(metavar="NAME", show_default="$SEARCHENGINE_COLLECTION, or 'default'"),
]
EncoderName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The model. A collection keeps the one it was made with. `searchengine models list` "
        "names them and their licences.",
        show_default="$SEARCHENGINE_ENCODER, or the collection's",
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option(help="Where the model runs.", show_default="$SEARCHENGINE_DEVICE, or auto"),
]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Ask `searchengine serve` there, showing $SEARCHENGINE_API_KEY if it is set.",
        show_default="the library on this disk",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.")]
