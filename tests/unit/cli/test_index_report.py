"""What an index run says: its counts, and every file it could not use."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from searchengine.cli.index import _columns, _show_plan, _show_report
from searchengine.cli.progress import watched
from searchengine.types import Failure, IndexReport, Modality, Planned, Progress

Captured = pytest.CaptureFixture[str]


def failures(count: int, reason: str = "broken") -> tuple[Failure, ...]:
    return tuple(Failure(f"/m/{n}.jpg", "DecodeError", reason) for n in range(count))


def test_a_report_counts_files_segments_and_speed(capsys: Captured) -> None:
    _show_report(IndexReport(new=10, unchanged=3, segments=40, seconds=2.0))
    assert capsys.readouterr().out == "10 new, 3 unchanged\n40 segments in 2.00 s, 5.0 files/s\n"


def test_an_empty_folder_says_so(capsys: Captured) -> None:
    _show_report(IndexReport())
    assert capsys.readouterr().out.startswith("no files here\n")


def test_a_run_of_failures_only_does_not_call_the_folder_empty(capsys: Captured) -> None:
    _show_report(IndexReport(failures=failures(1)))
    assert capsys.readouterr().out.startswith("nothing indexed\n")


def test_a_few_failures_are_all_listed(capsys: Captured) -> None:
    _show_report(IndexReport(new=1, failures=failures(20)))
    lines = capsys.readouterr().out.splitlines()
    assert "20 files could not be indexed:" in lines
    assert [line for line in lines if line.startswith("  ")] == [
        f"  /m/{n}.jpg: broken" for n in range(20)
    ]


def test_many_failures_are_grouped_by_reason_most_frequent_first(capsys: Captured) -> None:
    _show_report(IndexReport(failures=(*failures(2, "rare"), *failures(30, "often"))))
    lines = capsys.readouterr().out.splitlines()
    assert lines[3:5] == ["32 files could not be indexed:", "  30 files: often"]
    assert "    and 27 more; --json lists them all" in lines
    assert lines[-3:] == ["  2 files: rare", "    /m/0.jpg", "    /m/1.jpg"]


def test_a_plan_shows_the_rule_and_the_reason_of_what_would_fail(capsys: Captured) -> None:
    plan = [
        Planned("/m/a.png", Modality.THERMAL, "folder thermal/", "new"),
        Planned("/m/b.xyz", None, "not a kind we read", "failure"),
    ]
    _show_plan(iter(plan), as_json=False)
    rows = [re.split(r"\s{2,}", line) for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        ["path", "modality", "rule", "state"],
        ["/m/a.png", "thermal", "folder thermal/", "new"],
        ["/m/b.xyz", "-", "not a kind we read", "failure"],
    ]


def test_columns_of_a_recording_are_pairs() -> None:
    assert _columns("accel_x_g=AccX, gyro_x_deg_s=Gyr=X") == (
        ("accel_x_g", "AccX"),
        ("gyro_x_deg_s", "Gyr=X"),
    )
    assert _columns(None) is None


def test_progress_is_for_people_only(capsys: Captured) -> None:
    with watched() as on_progress:
        on_progress(Progress(found=5, done=1, segments=1, failures=0, scanned=False))
    assert capsys.readouterr().err == ""


def test_a_bar_shows_how_far_it_is_and_what_failed(screen: Callable[..., str]) -> None:
    def run() -> None:
        with watched() as on_progress:
            on_progress(Progress(found=5, done=1, segments=1, failures=0, scanned=False))
            on_progress(Progress(found=9, done=7, segments=20, failures=2, scanned=True))

    shown = screen(run, columns=100)
    assert "scanning" in shown and "indexing" in shown
    assert "7/9" in shown and "2 failed" in shown
