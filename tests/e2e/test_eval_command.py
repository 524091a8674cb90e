"""``eval`` as a person types it, with the real encoder on a set made by the script."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from searchengine.cli.app import app

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_eval_set.py"

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Media of twelve subjects in six modalities, and a broken sound."""
    folder = tmp_path_factory.mktemp("set")
    subprocess.run([sys.executable, SCRIPT, folder, "--modalities", "3"], check=True)
    (folder / "broken.wav").write_bytes(b"RIFF, but no more")
    row = {"file_name": "broken.wav", "modality": "audio", "label": "dog"}
    with (folder / "metadata.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``eval`` beside a library that must not come to be."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def command(*arguments: str | Path) -> Result:
        words = ["--library", str(tmp_path / "library"), "eval", *map(str, arguments)]
        result = CliRunner().invoke(app, words)
        assert list(tmp_path.glob("searchengine-eval*")) == []
        assert not (tmp_path / "library").exists()
        return result

    return command


def test_every_row_of_the_made_set_names_a_licence(dataset: Path) -> None:
    lines = (dataset / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines][:-1]
    assert 40 <= len(rows) <= 60 and len({row["modality"] for row in rows}) == 6
    for row in rows:
        assert row["author"] and row["source"] and row["licence"] and row["labels"]
        assert (dataset / row["file_name"]).is_file()
    assert any(len(row["labels"]) > 1 for row in rows)


def test_the_starter_is_better_than_chance_at_every_pair(run: Run, dataset: Path) -> None:
    result = run(dataset, "--encoder", "starter", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["encoder"] == "starter" and found["unlisted"] == 0
    (failure,) = found["failures"]
    assert failure["path"] == str(dataset / "broken.wav") and failure["reason"]
    across = {(p["query"], p["target"]): p for p in found["pairs"] if p["kind"] == "across"}
    assert across.keys() == {
        (a, b) for a in found["items"] for b in found["items"] if a != b
    } and len(across) == 30  # fmt: skip
    for pair in found["pairs"]:
        if pair["score"] is None or pair["score"]["queries"] < 3:
            assert {pair["query"], pair["target"]} & {"video", "depth", "thermal"}
            continue
        measured, chance = pair["score"]["measured"], pair["score"]["chance"]
        assert measured["map"] > chance["map"] + 0.1, pair
        assert measured["recall_at_1"] > chance["recall_at_1"] + 0.1, pair
        assert (measured["accuracy"] is None) == (pair["target"] != "labels")
    accuracy = {p["query"]: p for p in found["pairs"] if p["target"] == "labels"}
    assert accuracy["audio"]["score"]["measured"]["accuracy"] > 0.7


def test_a_person_reads_a_table_beside_chance(run: Run, dataset: Path, tmp_path: Path) -> None:
    rows = map(json.loads, (dataset / "metadata.jsonl").read_text(encoding="utf-8").splitlines())
    labels = {label for row in rows for label in row.get("labels", ())}
    words = tmp_path / "words.json"
    words.write_text(json.dumps({label: f"some {label}" for label in labels}), encoding="utf-8")
    prompt = ("--prompt", "this is {label}", "--labels", words)
    result = run(dataset, *prompt, "--by-label")
    assert result.exit_code == 0 and result.stderr == ""
    head, table, within, mixed, shares, by_label, left_out = result.stdout.split("\n\n")
    assert head.startswith("starter-") and "12 labels" in head
    titles = ["query", "target", "queries", "gallery", "recall@1", "recall@5", "mAP", "accuracy"]
    lines = table.splitlines()
    assert lines[0].split() == titles and max(map(len, lines)) < 80
    assert len(lines) == 1 + 2 * (30 + 6 + 6 + 12) - 4  # where nothing belongs together
    row = next(line for line in lines if line.split()[:2] == ["image", "labels"])
    assert row.split()[2:6] == ["15", "of", "15", "12"] and row.split()[6] == row.split()[-1]
    assert "itself" in within and any(line.startswith("train") for line in by_label.splitlines())
    assert [line.split()[0] for line in mixed.splitlines()[2:]] == ["calibrated", "rank", "cosine"]
    assert "relevant" in shares and "%" in shares
    assert left_out.startswith("1 file left out:") and "broken.wav: " in left_out


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("not json", "not JSON"),
        ('["dog"]', "no JSON object"),
        ('{"dog": 1}', "'dog'"),
        ('{"dog": [1]}', "'dog'"),
        ("{}", "has no words"),
    ],
)
def test_words_that_cannot_be_meant_are_refused(
    run: Run, dataset: Path, tmp_path: Path, written: str, said: str
) -> None:
    words = tmp_path / "words.json"
    words.write_text(written)
    result = run(dataset, "--labels", words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ") and said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_folder_that_is_no_data_set_is_refused(run: Run, tmp_path: Path) -> None:
    result = run(tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "metadata.jsonl" in result.stderr
    result = run(tmp_path / "gone")
    assert result.exit_code == 2 and "gone" in result.stderr


def test_nothing_to_measure_is_said_and_exits_1(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"broken")
    (folder / "metadata.jsonl").write_text('{"file_name": "a.png", "label": "dog"}\n')
    result = run(folder)
    assert result.exit_code == 1 and "nothing to measure" in result.stderr
    assert "a.png: " in result.stdout
    result = run(folder, "--json")
    assert result.exit_code == 1 and json.loads(result.stdout)["pairs"] == []


def test_an_encoder_or_a_device_that_is_not_there_is_refused(run: Run, dataset: Path) -> None:
    assert run(dataset, "--encoder", "none").exit_code == 4
    assert run(dataset, "--device", "cuda").exit_code == 2
