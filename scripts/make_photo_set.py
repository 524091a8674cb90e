"""Make an evaluation set of photographs, and perhaps of sounds, for `searchengine eval FOLDER`.

    python scripts/make_photo_set.py PACKAGES FOLDER [--only photos|cut-outs|sounds]
                                     [--sounds ESC10] [--everyday] [--shared]

PACKAGES is a folder with one folder per package, each unpacked (``dpkg-deb -x``): gcompris-qt-data
3.1, scratch 1.4 and tuxpaint-stamps-default 2022.06 from Debian. photo_set.csv beside this script
says which of their files are photographs and of what: *photos* are whole, *cut-outs* are things on
white. ``--sounds`` is a folder of ESC-10, a folder a class; the clips of fold 4 join, with the
label that photographs of their kind have. ``--everyday`` adds the sounds of sound_set.csv, from
scratch and libreoffice-common 7.4, that no weights learned from; ``--only sounds`` leaves out the
pictures, ``--shared`` what is only seen or only heard. All stay under their own licences (see the
copyright files of the packages) and are not part of this repository.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from make_demo_corpus import read
from PIL import Image

TABLE = Path(__file__).with_name("photo_set.csv")
EVERYDAY = Path(__file__).with_name("sound_set.csv")
Row = dict[str, str]

#: What is seen where ESC-10's classes are heard.
SEEN = {
    "dog_bark": "dog",
    "rooster": "rooster",
    "rain": "rain",
    "sea_waves": "sea wave",
    "baby_cry": "baby",
    "clock_tick": "clock",
    "person_sneeze": "person sneezing",
    "helicopter": "helicopter",
    "chainsaw": "chainsaw",
    "fire_crackling": "fire",
}
HELD_OUT_FOLD = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("packages", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=("photos", "cut-outs", "sounds"))
    parser.add_argument("--sounds", type=Path, metavar="ESC10")
    parser.add_argument("--everyday", action="store_true")
    parser.add_argument("--shared", action="store_true")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = [*photos(given.packages, given.folder, given.only)]
    if given.sounds:
        rows += sounds(given.sounds, given.folder)
    if given.everyday:
        rows += everyday(given.packages, given.folder)
    if given.shared:
        seen, heard = ({r["label"] for r in rows if r["modality"] == m} for m in ("image", "audio"))
        rows = [row for row in rows if row["label"] in seen & heard]
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (given.folder / "metadata.jsonl").write_text("".join(lines), encoding="utf-8")
    print(f"{len(rows)} files of {len({row['label'] for row in rows})} labels")


def photos(packages: Path, folder: Path, only: str | None) -> Iterator[Row]:
    rows = csv.DictReader(TABLE.open(encoding="utf-8"))
    for number, row in enumerate(rows):
        if only in (None, row["set"]):
            name = f"{row['set']}-{number:03}.png"
            on_white(Image.open(io.BytesIO(read(packages, row["file"])))).save(folder / name)
            yield {"file_name": name, "modality": "image", "label": row["label"]}


def on_white(picture: Image.Image) -> Image.Image:
    """Without transparency, which some of the cut-outs have around them."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture.convert("RGBA"))
    return white.convert("RGB")


def sounds(esc10: Path, folder: Path) -> Iterator[Row]:
    for clip in sorted(esc10.glob(f"*/{HELD_OUT_FOLD}-*.ogg")):
        shutil.copyfile(clip, folder / clip.name)
        label = SEEN[clip.parent.name]
        yield {"file_name": clip.name, "modality": "audio", "label": label}


def everyday(packages: Path, folder: Path) -> Iterator[Row]:
    for number, row in enumerate(csv.DictReader(EVERYDAY.open(encoding="utf-8"))):
        name = f"everyday-{number:03}{Path(row['file']).suffix}"
        (folder / name).write_bytes(read(packages, row["file"]))
        yield {"file_name": name, "modality": "audio", "label": row["label"]}


if __name__ == "__main__":
    main()
