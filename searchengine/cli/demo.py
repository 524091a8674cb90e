"""``demo``: a small corpus, and questions that cross from one modality to another."""

from __future__ import annotations

import contextlib
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from searchengine.cli.render import heading, tell

#: What is asked, and the command line that asks it from the corpus folder.
QUESTIONS = {
    "Pictures and texts that go with a sound": (
        "searchengine query --audio sounds/meow.wav --to image,text -k 4"
    ),
    "Sounds, in words": "searchengine query 'thunder and rain' --to audio -k 3",
    "What a photograph of a dog sounds like": (
        "searchengine query --image photos/german_shepherd.jpg --to audio -k 3"
    ),
    "Pictures and videos, in words": "searchengine query horses --to image,video -k 4",
    "Infrared frames, in words": "searchengine query 'people outside' --to thermal -k 3",
    "What a depth camera sees, in words": (
        "searchengine query --depth depth/bed.png --to text -k 2"
    ),
    "What a motion sensor felt, in words": (
        "searchengine query --imu motion/run.csv --to text -k 2"
    ),
    "A sound and words, added up: drums, at night": (
        "searchengine query 'at night' --audio sounds/taiko.ogg --to image -k 2"
    ),
    "A picture and words: a cat, and the sea": (
        "searchengine query 'the sea' --image photos/tabby_face.jpg --to text -k 2"
    ),
    "Only what the metadata allows": (
        "searchengine query 'an animal at night' --filter 'tags = bird and not tags = farm' -k 5"
    ),
}

_NEXT = """
Now with files of your own:
  searchengine index ~/Pictures ~/Music
  searchengine query "a dog on a beach"
  searchengine query --image photo.jpg --to audio
  searchengine --help"""


def demo(ctx: typer.Context) -> None:
    """Index a small corpus and ask it questions across modalities; half a minute.

    The library is temporary, unless --library names one to keep.
    """
    from searchengine.demo import corpus

    with _library(ctx) as library, contextlib.chdir(corpus()):
        heading("A corpus of photographs, sounds, videos, texts, depth, infrared and motion")
        _run(ctx, library, "searchengine index . --encoder starter")
        for question, command in QUESTIONS.items():
            tell()
            heading(question)
            _run(ctx, library, command)
    for line in _NEXT.splitlines():
        tell(line)


@contextlib.contextmanager
def _library(ctx: typer.Context) -> Iterator[Path]:
    """The folder that was asked for by name, else one for the while."""
    named = ctx.find_root().params["library"]
    if named:
        yield Path(named).expanduser().resolve()
        return
    with tempfile.TemporaryDirectory(prefix="searchengine-demo-") as folder:
        os.environ["SEARCHENGINE_DATABASE_URL"] = ""  # nothing of it is to stay anywhere
        yield Path(folder)


def _run(ctx: typer.Context, library: Path, command: str) -> None:
    """Show a command line and run exactly that one; finding nothing is an answer too."""
    tell(f"$ {command}")
    name, *arguments = shlex.split(command)
    program: Any = ctx.find_root().command
    program.main(["--library", str(library), *arguments], prog_name=name, standalone_mode=False)
