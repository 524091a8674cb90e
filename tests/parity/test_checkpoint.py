"""The published file becomes weights that load, whole, in both precisions, or none at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from searchengine.errors import CheckpointError
from searchengine.models.imagebind import ImageBind
from searchengine.models.imagebind.checkpoint import convert, load_state, load_tower
from searchengine.models.imagebind.config import TOWERS
from searchengine.models.imagebind.release import WrongFile
from searchengine.models.imagebind.weights import (
    FILES,
    MANIFEST,
    PRECISIONS,
    Precision,
    Weights,
    file_name,
    installed,
    require,
    verify,
)
from tests.small_release import SMALL, release_of, small_state


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return small_state()


@pytest.fixture(scope="module")
def official(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("official") / "small.pth"
    torch.save(state, path)
    return path


@pytest.fixture
def folder(official: Path, tmp_path: Path) -> Path:
    """Weights that are complete."""
    convert(official, tmp_path / "small", release_of(official))
    return tmp_path / "small"


INPUTS = {
    "vision": (1, 3, 224, 224),
    "audio": (1, 1, 128, 204),
    "depth": (1, 1, 224, 224),
    "thermal": (1, 1, 224, 224),
    "imu": (1, 6, 2000),
}


def example(tower: str) -> torch.Tensor:
    if tower == "text":
        return torch.tensor([[49406, 320, 1929, 49407]])
    return torch.randn(INPUTS[tower], generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("tower", TOWERS)
@torch.inference_mode()
def test_a_tower_from_disk_gives_what_the_published_weights_give(
    state: dict[str, torch.Tensor], folder: Path, tower: str
) -> None:
    whole = ImageBind(SMALL).eval()
    load_state(whole, state)
    alone = load_tower(folder, tower, SMALL)
    assert {key.split(".")[1] for key in alone.state_dict()} == {tower}
    assert all(torch.equal(value, state[key]) for key, value in alone.state_dict().items())
    # where weights lie in memory decides how sums are ordered on some processors
    assert torch.allclose(alone(tower, example(tower)), whole(tower, example(tower)), atol=1e-5)


@pytest.mark.parametrize("tower", TOWERS)
def test_half_precision_is_every_weight_rounded(folder: Path, tower: str) -> None:
    full = load_tower(folder, tower, SMALL).state_dict()
    half = load_tower(folder, tower, SMALL, "bf16").state_dict()
    assert full.keys() == half.keys()
    for key, value in full.items():
        rounded = value if value.ndim == 0 else value.to(torch.bfloat16)
        assert half[key].dtype == rounded.dtype and torch.equal(half[key], rounded), key


def test_a_file_says_whose_weights_it_holds(folder: Path, official: Path) -> None:
    for name in FILES:
        with safe_open(folder / name, framework="pt") as file:
            said = file.metadata()
        release = release_of(official)
        assert said["source"] == f"small, {release.licence}, SHA-256 {release.sha256}"


def test_complete_weights_know_their_source_and_every_file(folder: Path, official: Path) -> None:
    weights = installed(folder)
    assert weights is not None and set(weights.files) == set(FILES)
    assert weights.identity == release_of(official).sha256[:12]
    assert {path.name for path in folder.iterdir()} == {*FILES, MANIFEST}
    assert require(folder) == weights and verify(folder) == ()


def mappings(path: Path) -> list[range]:
    """Where in this process's memory a file is mapped."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    places = [line.split()[0].split("-") for line in lines if line.endswith(str(path))]
    return [range(int(start, 16), int(end, 16)) for start, end in places]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_loading_maps_a_file_and_copies_nothing(folder: Path, precision: Precision) -> None:
    model = load_tower(folder, "text", SMALL, precision)
    found = mappings(folder / file_name("text", precision))
    for key, value in model.state_dict().items():
        assert any(value.data_ptr() in mapped for mapped in found), key


def test_what_a_model_writes_into_its_weights_stays_in_memory(folder: Path) -> None:
    model = load_tower(folder, "imu", SMALL)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    del model
    assert verify(folder) == ()


def removed(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "reason"), [(removed, "missing"), (cut, "bytes instead of"), (flipped, "altered")]
)
@pytest.mark.parametrize("name", ["imu.safetensors", "text.bf16.safetensors"])
def test_verify_names_the_one_file_that_is_spoilt(
    folder: Path, name: str, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(folder / name)
    (problem,) = verify(folder)
    assert problem.path == str(folder / name) and reason in problem.reason


@pytest.mark.parametrize("spoil", [removed, cut])
def test_weights_with_a_hole_do_not_count_as_there(
    folder: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(folder / "imu.safetensors")
    assert installed(folder) is None
    with pytest.raises(CheckpointError, match=r"imu\.safetensors: .*models pull imagebind-huge"):
        load_tower(folder, "text", SMALL)


@pytest.mark.parametrize(
    "said",
    [None, "", "[]", "{}", '{"format": 2}', '{"format": 1, "files": 3}', "\x00", "nul"],
)
def test_without_its_list_a_folder_is_unfinished(folder: Path, said: str | None) -> None:
    (folder / MANIFEST).unlink() if said is None else (folder / MANIFEST).write_text(said)
    assert installed(folder) is None
    with pytest.raises(CheckpointError) as caught:
        load_tower(folder, "text", SMALL)
    for command in ("--accept-licence", "--from imagebind_huge.pth"):
        assert f"searchengine models pull imagebind-huge {command}`" in str(caught.value)


def test_a_newer_format_or_fewer_files_is_not_taken(folder: Path) -> None:
    found = json.loads((folder / MANIFEST).read_text())
    for change in ({"format": 2}, {"files": {}}):
        (folder / MANIFEST).write_text(json.dumps(found | change))
        assert installed(folder) is None


def test_a_tower_in_the_place_of_another_is_refused_by_its_keys(folder: Path) -> None:
    weights = installed(folder)
    assert weights is not None
    (folder / "depth.safetensors").write_bytes((folder / "thermal.safetensors").read_bytes())
    found = json.loads((folder / MANIFEST).read_text())
    found["files"]["depth.safetensors"] = found["files"]["thermal.safetensors"]
    (folder / MANIFEST).write_text(json.dumps(found))
    with pytest.raises(CheckpointError, match=r"depth\.safetensors: does not fit"):
        load_tower(folder, "depth", SMALL)


class Payload:
    """What a hostile pickle would do when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (str(self.target),)


def nothing_was_made(tmp_path: Path) -> bool:
    return not (tmp_path / "ran").exists() and not (tmp_path / "small").exists()


@pytest.mark.parametrize(
    "kind", ["truncated", "noise", "empty", "hostile", "no state", "numbered", "foreign"]
)
def test_what_is_no_checkpoint_is_refused_and_runs_nothing_even_if_published(
    state: dict[str, torch.Tensor], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "small.pth"
    others = {
        "hostile": Payload(tmp_path / "ran"),
        "no state": [1, 2],
        "numbered": {1: torch.zeros(1)},
        "foreign": {"surprise": torch.zeros(1)},
    }
    torch.save(others.get(kind, state), path)
    whole = path.read_bytes()
    cuts = {"truncated": whole[: len(whole) // 2], "noise": b"noise" * 100, "empty": b""}
    path.write_bytes(cuts.get(kind, whole))
    with pytest.raises(CheckpointError, match=r"small\.pth"):
        convert(path, tmp_path / "small", release_of(path))
    assert nothing_was_made(tmp_path)


def test_a_file_of_the_old_format_is_read_too(
    state: dict[str, torch.Tensor], folder: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old.pth"
    torch.save(state, old, _use_new_zipfile_serialization=False)
    convert(old, tmp_path / "old", release_of(old))
    ours, theirs = load_file(tmp_path / "old" / FILES[0]), load_file(folder / FILES[0])
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


@pytest.mark.parametrize("spoil", [cut, flipped])
def test_another_file_than_the_published_one_is_refused_before_it_is_read(
    official: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    other = tmp_path / "small.pth"
    other.write_bytes(official.read_bytes())
    spoil(other)
    with pytest.raises(WrongFile, match=r"small\.pth: (altered|\d+ bytes)"):
        convert(other, tmp_path / "small", release_of(official))
    assert nothing_was_made(tmp_path)


def test_the_published_file_is_never_touched(official: Path, tmp_path: Path) -> None:
    before = (official.read_bytes(), official.stat().st_mtime_ns)
    convert(official, tmp_path / "small", release_of(official))
    assert (official.read_bytes(), official.stat().st_mtime_ns) == before


def test_weights_that_are_being_replaced_do_not_count_as_there(
    folder: Path, official: Path
) -> None:
    def interrupt(step: str, done_bytes: int, _total_bytes: int) -> None:
        if step == "converting" and done_bytes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(official, folder, release_of(official), interrupt)
    assert installed(folder) is None
    assert {path.name for path in folder.iterdir()} == set(FILES)


def test_whoever_may_read_our_files_may_read_the_weights(folder: Path) -> None:
    (folder / "another").touch()
    mode = (folder / "another").stat().st_mode
    assert {(folder / name).stat().st_mode for name in [*FILES, MANIFEST]} == {mode}


def test_loading_imports_no_compiler(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.small_release import SMALL\n"
        "from searchengine.models.imagebind.checkpoint import load_tower\n"
        "load_tower(Path(sys.argv[1]), 'text', SMALL); print('torch._dynamo' in sys.modules)"
    )
    words = [sys.executable, "-c", code, str(folder)]
    root = Path(__file__).parents[2]
    done = subprocess.run(words, capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout == "False\n"


def test_weights_converted_again_are_the_same_bytes(official: Path, tmp_path: Path) -> None:
    release = release_of(official)
    first: Weights = convert(official, tmp_path / "a", release)
    assert convert(official, tmp_path / "b", release) == first
    assert convert(official, tmp_path / "a", release) == first


def test_a_file_that_does_not_exist_is_named(official: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pth: cannot be read"):
        convert(tmp_path / "none.pth", tmp_path / "small", release_of(official))


def test_a_folder_that_cannot_be_written_is_named_with_a_way_out(official: Path) -> None:
    with pytest.raises(CheckpointError, match=r"/proc/.*: cannot be written .*SEARCHENGINE_MODELS"):
        convert(official, Path(f"/proc/{os.getpid()}/small"), release_of(official))


def test_the_source_is_part_of_the_identity(official: Path, folder: Path) -> None:
    weights = installed(folder)
    assert weights is not None
    assert replace(weights, source_sha256="0" * 64).identity != weights.identity


def test_a_file_s_tensors_are_those_of_its_tower_alone(folder: Path) -> None:
    for tower in TOWERS:
        keys = load_file(folder / f"{tower}.safetensors")
        assert keys and {key.split(".")[1] for key in keys} == {tower}
