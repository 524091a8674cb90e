"""``models``: the encoders there are, what their licences allow, and whether they are sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from searchengine.cli import options as opt
from searchengine.cli.formats import write_json
from searchengine.cli.models_check import check
from searchengine.cli.models_pull import known_model, pull
from searchengine.cli.render import plural, print_table, say, tell
from searchengine.config import models_folder
from searchengine.errors import CheckpointError
from searchengine.types import Modality, Problem

#: As every failure of a model.
HAS_PROBLEMS = 4

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


app.command()(pull)
app.command()(check)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of one model; ``place`` is where its weights lie."""

    name: str
    place: str
    problems: tuple[Problem, ...]


@app.command("verify")
def verify(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="One of `models list`.", show_default="all here"),
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Compare every byte of the weights with what it has to be. Exits 4 on a problem."""
    found = list(_verified(known_model(name) if name else None))
    if as_json:
        write_json([asdict(each) for each in found])
    else:
        _show_verified(found)
    if any(each.problems for each in found):
        raise typer.Exit(HAS_PROBLEMS)


def _verified(name: str | None) -> Iterator[Verified]:
    """Of the model ``name``, or of all whose weights are here."""
    from searchengine.models.imagebind.release import RELEASES
    from searchengine.models.imagebind.weights import read_manifest, verify

    for fetched in RELEASES:
        folder = models_folder() / fetched
        if name == fetched or (name is None and read_manifest(folder)):
            yield Verified(fetched, str(folder), verify(folder))
    for shipped in _shipped():
        if name in (None, shipped):
            yield Verified(shipped, "installed with searchengine", tuple(_trying(shipped)))


def _shipped() -> list[str]:
    from searchengine.encoders.registry import describe
    from searchengine.models.imagebind.release import RELEASES

    return [info.name for info in describe() if info.name not in RELEASES]


def _trying(name: str) -> Iterator[Problem]:
    """Weights that came with the installation are compared as each tower is loaded."""
    import numpy as np

    from searchengine.encoders.registry import load
    from searchengine.types import Media, Waveform

    media: dict[Modality, Media] = {
        Modality.TEXT: "a dog",
        Modality.IMAGE: np.zeros((224, 224, 3), np.uint8),
        Modality.AUDIO: Waveform(np.zeros((1, 16_000), np.float32), 16_000),
    }
    encoder = load(name, "cpu")
    for modality, example in media.items():
        try:
            encoder.encode([encoder.preprocess(example, modality)], modality)
        except CheckpointError as error:
            path, _, reason = str(error).partition(": ")
            yield Problem(path, reason)


def _show_verified(found: Sequence[Verified]) -> None:
    for each in found:
        for problem in each.problems:
            tell(f"{problem.path}: {problem.reason}")
        state = plural(len(each.problems), "problem") if each.problems else "sound"
        tell(f"{each.name}: {state} ({each.place})")
        if each.problems and (models_folder() / each.name).exists():
            say(f"`searchengine models pull {each.name}` replaces what is spoilt")
