"""Every option that more than one command has, or that is long to spell, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from searchengine.types import GroupBy, Mode, Score

_PARTS = "What to search by"
_AWAY = "What to move away from"
_WHERE = "Where to look"
_HOW = "How to rank"
_SHOW = "How to show"

# Which library, which model

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

# Where to look, and how to rank

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
        show_default="0.98",
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

# How to show

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

# What to index

_WHICH = "Which files"
_CUT = "How they are cut"
_READ = "How they are read"

Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders.")]
ModalityChoice = Annotated[
    Literal["auto", "text", "image", "video", "audio", "depth", "thermal", "imu"],
    typer.Option(
        help="What the files are. auto asks names, folders and content; see --dry-run.",
        rich_help_panel=_WHICH,
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB", help="Only files that fit one of these. Repeatable.", rich_help_panel=_WHICH
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="No file that fits. Repeatable.", rich_help_panel=_WHICH),
]
Prune = Annotated[
    bool,
    typer.Option(
        "--prune", metavar="", help="Forget items whose file has gone.", rich_help_panel=_WHICH
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        metavar="",
        help="Show each file's modality, the rule that chose it and what would be done; "
        "with --json an object a line.",
        rich_help_panel=_WHICH,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=0, help="How many decode at a time.", show_default="as many as help"
    ),
]
MemoryBudget = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="What the indexes of the collection may take in memory, such as 500MB or 2GiB; none "
        "is no limit. It is kept.",
        show_default="$SEARCHENGINE_MEMORY_BUDGET, or as before",
    ),
]
SegmentS = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        help="Seconds a segment of audio, video and IMU.",
        show_default="5, 10 and 10",
        rich_help_panel=_CUT,
    ),
]
OverlapS = Annotated[
    float | None,
    typer.Option(
        metavar="N", help="Seconds that neighbours share.", show_default="0", rich_help_panel=_CUT
    ),
]
NoSoundtrack = Annotated[
    bool,
    typer.Option(
        "--no-soundtrack", metavar="", help="Leave out the sound of videos.", rich_help_panel=_CUT
    ),
]
DepthScaleM = Annotated[
    float | None,
    typer.Option(
        metavar="M",
        help="Metres of one unit in an integer depth file.",
        show_default="0.001",
        rich_help_panel=_READ,
    ),
]
ThermalScaleK = Annotated[
    float | None,
    typer.Option(
        metavar="K",
        help="Kelvin of one unit in an integer thermal file.",
        show_default="relative values",
        rich_help_panel=_READ,
    ),
]
ThermalOffsetK = Annotated[
    float | None,
    typer.Option(
        metavar="K", help="Kelvin of the value 0 there.", show_default="0", rich_help_panel=_READ
    ),
]
ImuRateHz = Annotated[
    float | None,
    typer.Option(
        metavar="HZ",
        help="Readings a second of recordings without a time column.",
        rich_help_panel=_READ,
    ),
]
ImuColumns = Annotated[
    str | None,
    typer.Option(
        metavar="OURS=THEIRS,...",
        help="Names of columns, such as accel_x_g=AccX,gyro_x_deg_s=GyrX.",
        rich_help_panel=_READ,
    ),
]
