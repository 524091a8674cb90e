"""What people say about the files of a data set, and the sentences that stand for it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchengine.errors import ConfigError, DecodeError
from searchengine.media.metadata import NAME, read_metadata
from searchengine.types import Failure

#: What stands for the label in a prompt.
MARK = "{label}"


@dataclass(frozen=True, slots=True)
class Description:
    """One row of the metadata, as far as it is of use here."""

    labels: frozenset[str]
    caption: str | None


@dataclass(frozen=True, slots=True)
class Descriptions:
    """Rows by file name below the folder; ``failures`` are those of no use, ``names`` all."""

    rows: dict[str, Description]
    failures: tuple[Failure, ...]
    names: frozenset[str]

    @property
    def labels(self) -> list[str]:
        """Every label once, in order."""
        return sorted({label for row in self.rows.values() for label in row.labels})


def read_descriptions(folder: Path) -> Descriptions:
    """The ``metadata.jsonl`` of a folder. Raises ConfigError when no row of it is of use."""
    if not (folder / NAME).is_file():
        raise ConfigError(f"{folder}: no {NAME} in it; an evaluation needs one that gives labels")
    read = read_metadata(folder)
    rows: dict[str, Description] = {}
    failures = []
    for name, row in read.rows.items():
        try:
            rows[name] = describe(row)
        except ValueError as error:
            failures.append(Failure(str(folder / name), DecodeError.__name__, str(error)))
    if not rows:
        reason = next((f.reason for f in (*failures, *read.failures)), "it is empty")
        raise ConfigError(f"{folder / NAME}: no row with a label or a caption ({reason})")
    return Descriptions(rows, tuple(failures), frozenset(read.rows))


def describe(row: Mapping[str, Any]) -> Description:
    """The labels and the caption of a row. Raises ValueError for one that has neither."""
    given = [value for key in ("label", "labels") for value in _listed(row.get(key))]
    if wrong := [v for v in given if isinstance(v, bool) or not isinstance(v, str | int)]:
        raise ValueError(f"{NAME}: a label is text, not {wrong[0]!r}")
    caption = row.get("caption") or ""
    if not isinstance(caption, str):
        raise ValueError(f"{NAME}: a caption is text, not {caption!r}")
    labels = frozenset(normal(str(value)) for value in given) - {""}
    if not labels and not normal(caption):
        raise ValueError(f"{NAME}: no label and no caption")
    return Description(labels, normal(caption) or None)


def normal(text: str) -> str:
    """The same for what looks the same: an accent may be one character or two."""
    return unicodedata.normalize("NFC", text).strip()


def sentences(
    labels: Iterable[str], prompts: Sequence[str], wordings: Mapping[str, Sequence[str]] | None
) -> dict[str, tuple[str, ...]]:
    """Every prompt with every wording of each label; without wordings, a label is its own.

    Raises ConfigError for a prompt without ``{label}``, and for a label without a wording.
    """
    if wrong := [prompt for prompt in prompts if MARK not in prompt]:
        raise ConfigError(f"the prompt {wrong[0]!r} has no {MARK} in it, where the label belongs")
    words = {normal(label): said for label, said in (wordings or {}).items()}
    found = {}
    for label in labels:
        said = (label,) if wordings is None else words.get(label, ())
        if not said or not all(one.strip() for one in said):
            raise ConfigError(f"the label {label!r} has no words, or empty ones, in the wordings")
        found[label] = tuple(prompt.replace(MARK, one) for prompt in prompts for one in said)
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
