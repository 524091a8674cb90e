"""Make a small evaluation set from the demo corpus, for `searchengine eval FOLDER`.

    python scripts/make_eval_set.py FOLDER [--modalities N]

It takes the files whose label at least N (2) modalities have. A file also gets those of its tags
that are labels, so that an owl is a bird. The rows of the set's metadata.jsonl name the author, the
source and the licence of each file, as NOTICE does: all of them may be passed on.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

from searchengine.demo import corpus
from searchengine.media.metadata import NAME

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--modalities", type=int, default=2, metavar="N")
    given = parser.parse_args()
    rows = chosen(read_rows(corpus()), given.modalities)
    for row in rows:
        target = given.folder / row["file_name"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(corpus() / row["file_name"], target)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (given.folder / NAME).write_text("".join(lines), encoding="utf-8")
    print(f"{len(rows)} files of {len({row['labels'][0] for row in rows})} labels")


def read_rows(folder: Path) -> list[Row]:
    return [json.loads(line) for line in (folder / NAME).read_text(encoding="utf-8").splitlines()]


def chosen(rows: list[Row], modalities: int) -> list[Row]:
    """Rows of the labels that so many modalities have, with their labels in a list."""
    found = defaultdict(set)
    for row in rows:
        found[row["label"]].add(row["modality"])
    labels = {label for label, having in found.items() if len(having) >= modalities}
    return [labelled(row, labels) for row in rows if row["label"] in labels]


def labelled(row: Row, labels: set[str]) -> Row:
    also = [tag for tag in row["tags"] if tag in labels and tag != row["label"]]
    rest = {key: value for key, value in row.items() if key != "label"}
    return {**rest, "labels": [row["label"], *also]}


if __name__ == "__main__":
    main()
