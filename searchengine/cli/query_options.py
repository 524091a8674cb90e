"""Options of commands that search, declared once."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from searchengine.types import GroupBy, Mode, Score

_PARTS = "What to search by"
_AWAY = "What to move away from"
_WHERE = "Where to look"
_HOW = "How to rank"
_SHOW = "How to show"

# What to search by

Words = Annotated[
    str | None, typer.Argument(metavar="TEXT", help="Words to find; - reads them from stdin.")
]
Text = Annotated[
    list[str] | None,
    typer.Option(metavar="WORDS", help="Words, as TEXT. Repeatable.", rich_help_panel=_PARTS),
]
File: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE",
        help="A file, FILE@2-5 for its seconds 2 to 5, or - for stdin. Repeatable.",
        rich_help_panel=_PARTS,
    ),
]
Like = Annotated[
    list[int] | None,
    typer.Option(
        metavar="ID", help="An item of the collection. Repeatable.", rich_help_panel=_PARTS
    ),
]
Weight = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODALITY=W",
        help="How much the parts of a modality count, such as image=0.5. Repeatable.",
        rich_help_panel=_PARTS,
    ),
]
NotLike = Annotated[
    list[int] | None,
    typer.Option(
        metavar="ID", help="An item of the collection. Repeatable.", rich_help_panel=_AWAY
    ),
]
NotText = Annotated[
    list[str] | None,
    typer.Option(metavar="WORDS", help="Words. Repeatable.", rich_help_panel=_AWAY),
]
NotFile = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="A file, as above. Repeatable.", rich_help_panel=_AWAY),
]


To = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODALITY,...",
        help="Only answers of these modalities, such as image,thermal.",
        show_default="all",
        rich_help_panel=_WHERE,
    ),
]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="CONDITION",
        help="Only items whose metadata fits, such as 'year >= 2020 and tag = night'.",
        rich_help_panel=_WHERE,
    ),
]
PathGlob = Annotated[
    str | None,
    typer.Option(
        metavar="GLOB",
        help="Only files whose path fits, such as 'holiday/*.jpg'; * crosses folders.",
        rich_help_panel=_WHERE,
    ),
]
Count = Annotated[int, typer.Option("-k", min=1, help="How many hits.", rich_help_panel=_HOW)]
Offset = Annotated[int, typer.Option(min=0, help="Leave out the first.", rich_help_panel=_HOW)]
Group = Annotated[
    GroupBy,
    typer.Option(help="One hit an item, or every segment that fits.", rich_help_panel=_HOW),
]
ScoreBy = Annotated[
    Score,
    typer.Option(
        help="What orders hits of different modalities: how far above their background they are, "
        "the rank within their own, or raw cosine.",
        rich_help_panel=_HOW,
    ),
]
ModeBy = Annotated[
    Mode,
    typer.Option(
        help="Several parts: their sum, or the one that matches least.", rich_help_panel=_HOW
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(metavar="X", help="Only hits of at least this similarity.", rich_help_panel=_HOW),
]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact", metavar="", help="Compare with everything, not by index.", rich_help_panel=_HOW
    ),
]

Hybrid = Annotated[
    bool,
    typer.Option(
        "--hybrid",
        metavar="",
        help="Also look for the words themselves, in texts, captions, names and metadata.",
        rich_help_panel=_HOW,
    ),
]

Dedup = Annotated[
    bool,
    typer.Option("--dedup", metavar="", help="Show near-duplicates once.", rich_help_panel=_HOW),
]
DedupAt = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        min=-1,
        max=1,
        help="The cosine from which on two of a modality are one; implies --dedup.",
        show_default="0.99",
        rich_help_panel=_HOW,
    ),
]
Diverse = Annotated[
    bool,
    typer.Option(
        "--diverse", metavar="", help="Prefer hits that are unlike the rest.", rich_help_panel=_HOW
    ),
]
DiverseBy = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        min=0,
        max=1,
        help="How much that counts, beside the score; implies --diverse.",
        show_default="0.3",
        rich_help_panel=_HOW,
    ),
]


Explain = Annotated[
    bool,
    typer.Option(
        "--explain", metavar="", help="Say of each hit why it is there.", rich_help_panel=_SHOW
    ),
]

HitsJson = Annotated[
    bool, typer.Option("--json", metavar="", help="One document.", rich_help_panel=_SHOW)
]
HitsJsonl = Annotated[
    bool, typer.Option("--jsonl", metavar="", help="One object a hit.", rich_help_panel=_SHOW)
]
HitsCsv = Annotated[
    bool,
    typer.Option("--csv", metavar="", help="One row a hit, with a header.", rich_help_panel=_SHOW),
]
HitsPaths = Annotated[
    bool,
    typer.Option(
        "--paths", metavar="", help="One path a line, byte for byte.", rich_help_panel=_SHOW
    ),
]
HitsZero = Annotated[
    bool,
    typer.Option(
        "-0", metavar="", help="Paths that each end in NUL, for xargs -0.", rich_help_panel=_SHOW
    ),
]
Open = Annotated[
    bool, typer.Option("--open", metavar="", help="Open the best hit, too.", rich_help_panel=_SHOW)
]
