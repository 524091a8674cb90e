"""``calibrate``: what similarities are like where there is nothing to find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import typer

from searchengine.cli import options as opt
from searchengine.cli.formats import write_json
from searchengine.cli.render import print_table, tell
from searchengine.cli.session import session_of
from searchengine.types import Background

TITLES = ("query", "target", "expected", "deviation", "median", "90 %", "99 %", "vectors")


def calibrate(
    ctx: typer.Context, collection: opt.Collection = None, as_json: opt.AsJson = False
) -> None:
    """Show what scores are made of: cosines of strangers, for every pair of modalities.

    They are learnt from the newest generation whenever it is opened, so they are never stale.
    """
    with session_of(ctx).using(collection).engine() as engine:
        found = engine.calibration()
    if as_json:
        write_json([asdict(pair) for pair in found])
    elif found:
        print_table(TITLES, [_row(pair) for pair in found], right=TITLES[2:])
    else:
        tell("nothing to learn from: everything has been deleted")


def _row(pair: Background) -> Sequence[str]:
    numbers = (pair.mean, pair.deviation, *pair.percentiles)
    count = f"{pair.askers} x {pair.strangers}"
    return pair.asked.value, pair.target.value, *(f"{number:.3f}" for number in numbers), count
