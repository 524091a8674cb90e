"""``models``: the encoders there are, and what their licences allow."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from searchengine.cli import options as opt
from searchengine.cli.formats import write_json
from searchengine.cli.render import print_table, say
from searchengine.types import Modality

app = typer.Typer(help="The models that make vectors.", no_args_is_help=True)


@app.callback()
def models() -> None:
    """The models that make vectors."""


@app.command("list")
def list_all(as_json: opt.AsJson = False) -> None:
    """List the encoders, what they encode, and their licences."""
    from searchengine.encoders.registry import describe

    rows = [_row(asdict(info)) for info in describe()]
    if as_json:
        write_json(rows)
        return
    _show(rows)


def _row(info: dict[str, Any]) -> dict[str, Any]:
    """One encoder, its modalities in the order people know."""
    return {**info, "modalities": [m.value for m in Modality if m in info["modalities"]]}


def _show(rows: list[dict[str, Any]]) -> None:
    titles = ("name", "encodes", "dim", "licence", "summary")
    cells = [
        (row["name"], ", ".join(row["modalities"]), str(row["dim"]), row["licence"], row["summary"])
        for row in rows
    ]
    print_table(titles, cells, right=("dim",))
    for row in rows:
        if not_for_commerce(row["licence"]):
            say(f"{row['name']}: {row['licence']} does not allow commercial use")


def not_for_commerce(licence: str) -> bool:
    """Whether a licence, by its SPDX name, forbids commercial use, as CC-BY-NC-4.0 does."""
    return "NC" in licence.upper().split("-") or "non-commercial" in licence.lower()
