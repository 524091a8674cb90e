"""Make a labelled set of General MIDI's instruments, for `searchengine eval FOLDER`.

    python scripts/make_instrument_set.py SOUNDFONT.sf2 FOLDER

Each plays one short tune, by Debian's fluidsynth. The sound network learned, without labels, from
those of fluid-soundfont-gm: take another soundfont, such as timgm6mb-soundfont's (GPL-2). Pads,
effects and what is one of a kind already are left out. Nothing of it comes with the program.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

#: Programmes of General MIDI, counted from 0, by what people call them.
INSTRUMENTS = {
    "piano": (0, 1),
    "electric piano": (4,),
    "harpsichord": (6,),
    "glockenspiel": (9,),
    "music box": (10,),
    "vibraphone": (11,),
    "marimba": (12,),
    "xylophone": (13,),
    "tubular bells": (14,),
    "organ": (16, 19),
    "accordion": (21,),
    "harmonica": (22,),
    "acoustic guitar": (24, 25),
    "electric guitar": (27, 29),
    "bass guitar": (33, 34),
    "violin": (40,),
    "cello": (42,),
    "double bass": (43,),
    "harp": (46,),
    "timpani": (47,),
    "string orchestra": (48,),
    "choir": (52,),
    "trumpet": (56,),
    "trombone": (57,),
    "tuba": (58,),
    "french horn": (60,),
    "brass band": (61,),
    "saxophone": (64, 65, 66),
    "oboe": (68,),
    "bassoon": (70,),
    "clarinet": (71,),
    "flute": (73,),
    "recorder": (74,),
    "synthesizer": (80, 81),
    "sitar": (104,),
    "banjo": (105,),
    "bagpipes": (109,),
    "steel drum": (114,),
    "taiko drum": (116,),
    "birds": (123,),
    "telephone": (124,),
    "helicopter": (125,),
    "applause": (126,),
    "gunshot": (127,),
}
#: A rising third and fifth and back, two to a second.
TUNE = (60, 64, 67, 72, 67, 64, 60)
TICKS = 480


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("soundfont", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for label, programmes in INSTRUMENTS.items():
        for programme in programmes:
            name = f"{programme:03}.wav"
            play(programme, given.soundfont, given.folder / name)
            rows.append({"file_name": name, "modality": "audio", "label": label})
    lines = (json.dumps(row) + "\n" for row in rows)
    (given.folder / "metadata.jsonl").write_text("".join(lines), encoding="utf-8")
    print(f"{len(rows)} files of {len(INSTRUMENTS)} labels")


def play(programme: int, soundfont: Path, target: Path) -> None:
    with tempfile.NamedTemporaryFile(suffix=".mid") as midi:
        midi.write(tune(programme))
        midi.flush()
        command = ["fluidsynth", "-ni", "-q", "-F", target, "-r", "44100", soundfont, midi.name]
        subprocess.run(command, check=True, capture_output=True)


def tune(programme: int) -> bytes:
    """A Standard MIDI File of one track, at the tempo that holds when none is said."""
    events = bytes([0, 0xC0, programme])
    for note in TUNE:
        events += bytes([0, 0x90, note, 100, 0x83, 0x60, 0x80, note, 0])  # for 480 ticks
    events += bytes([0, 0xFF, 0x2F, 0])
    head = b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1]) + TICKS.to_bytes(2, "big")
    return head + b"MTrk" + len(events).to_bytes(4, "big") + events


if __name__ == "__main__":
    main()
