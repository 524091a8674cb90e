"""Options of commands that read media: which files, how they are cut and read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

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
