"""Deciding what a file is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from searchengine.errors import DecodeError, UnsupportedMedia
from searchengine.media.modality import BY_SUFFIX, READABLE, decide, is_candidate
from searchengine.types import Modality

IMU_HEADER = "time_s,accel_x_m_s2,accel_y_m_s2,accel_z_m_s2\n0,0,0,9.8\n"


def _file(path: Path, content: str | bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "modality", "rule"),
    [
        ("a.jpg", Modality.IMAGE, "extension .jpg"),
        ("A.JPEG", Modality.IMAGE, "extension .jpeg"),
        ("a.md", Modality.TEXT, "extension .md"),
        ("a.mkv", Modality.VIDEO, "extension .mkv"),
        ("a.opus", Modality.AUDIO, "extension .opus"),
        ("a.pfm", Modality.DEPTH, "extension .pfm"),
        ("a.depth.png", Modality.DEPTH, "file name"),
        ("a.Thermal.TIFF", Modality.THERMAL, "file name"),
        ("a.imu.npy", Modality.IMU, "file name"),
        ("thermal/a.jpg", Modality.THERMAL, "folder thermal/"),
        ("Depth/deeper/a.png", Modality.DEPTH, "folder Depth/"),
        ("imu/a.csv", Modality.IMU, "folder imu/"),
        ("thermal/rgb/a.jpg", Modality.IMAGE, "folder rgb/"),
        ("thermal/a.depth.png", Modality.DEPTH, "file name"),
        ("imu/plot.jpg", Modality.IMAGE, "extension .jpg"),
        ("depth/notes.txt", Modality.TEXT, "extension .txt"),
        ("thermal_old/a.png", Modality.IMAGE, "extension .png"),
        ("my thermal.png", Modality.IMAGE, "extension .png"),
    ],
)
def test_the_first_rule_that_speaks_decides(
    tmp_path: Path, name: str, modality: Modality, rule: str
) -> None:
    decision = decide(_file(tmp_path / name), root=tmp_path)
    assert (decision.modality, decision.rule) == (modality, rule)


def test_a_flag_beats_a_row_beats_a_name_beats_a_folder(tmp_path: Path) -> None:
    path = _file(tmp_path / "depth" / "a.thermal.png")
    row = {"modality": "image"}
    flagged = decide(path, Modality.DEPTH, row, tmp_path)
    assert (flagged.modality, flagged.rule) == (Modality.DEPTH, "flag --modality depth")
    assert decide(path, None, row, tmp_path).rule == "metadata.jsonl"
    assert decide(path, None, {"label": "cat"}, tmp_path).rule == "file name"


def test_folders_above_the_root_do_not_count(tmp_path: Path) -> None:
    root = tmp_path / "thermal" / "photos"
    path = _file(root / "day" / "a.jpg")
    assert decide(path, root=root).modality is Modality.IMAGE
    assert decide(path).modality is Modality.IMAGE
    assert decide(path, root=tmp_path).modality is Modality.THERMAL
    assert decide(path, root=tmp_path / "thermal").modality is Modality.THERMAL


def test_without_a_root_or_with_a_file_as_root_its_own_folder_counts(tmp_path: Path) -> None:
    path = _file(tmp_path / "thermal" / "a.png")
    assert decide(path).modality is Modality.THERMAL
    assert decide(path, root=path).modality is Modality.THERMAL


def test_relative_paths_know_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _file(tmp_path / "thermal" / "a.png")
    monkeypatch.chdir(tmp_path / "thermal")
    assert decide(Path("a.png"), root=Path()).modality is Modality.THERMAL


@pytest.mark.parametrize("name", ["depth/a.jpg", "thermal/a.mp4", "a.depth.jpeg", "thermal/a.gif"])
def test_a_picture_in_a_sensor_place_is_never_silently_a_photo(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsupportedMedia, match=r"is never (depth|thermal)"):
        decide(_file(tmp_path / name), root=tmp_path)


def test_a_flag_that_cannot_be_is_refused_with_what_could(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedMedia, match=r"a \.jpg is never audio .*\.wav"):
        decide(tmp_path / "a.jpg", Modality.AUDIO)
    assert decide(tmp_path / "a.mp4", Modality.AUDIO).modality is Modality.AUDIO


@pytest.mark.parametrize("value", ["infrared", "", 7, ["image"], {"a": 1}])
def test_a_row_with_an_unknown_modality_is_refused_naming_the_known(value: object) -> None:
    with pytest.raises(UnsupportedMedia, match=r"metadata\.jsonl.*thermal"):
        decide(Path("a.jpg"), row={"modality": value})


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet"])
def test_an_array_needs_someone_to_say_what_it_is(suffix: str) -> None:
    with pytest.raises(UnsupportedMedia, match="--modality"):
        decide(Path(f"a{suffix}"))


def test_a_table_is_motion_only_by_its_header(tmp_path: Path) -> None:
    assert decide(_file(tmp_path / "a.csv", IMU_HEADER)).modality is Modality.IMU
    tabs = IMU_HEADER.replace(",", "\t")
    assert decide(_file(tmp_path / "a.tsv", "\ufeff" + tabs)).modality is Modality.IMU
    for content in ("name,price\ntea,3\n", "", b"\xff\xfe\x00\x00" * 40_000, '"' * 70_000):
        with pytest.raises(UnsupportedMedia, match="no accelerometer columns"):
            decide(_file(tmp_path / "b.csv", content))
    with pytest.raises(DecodeError, match="No such file"):
        decide(tmp_path / "missing.csv")


def test_a_photo_stays_a_photo_but_sixteen_bits_of_grey_are_mentioned(tmp_path: Path) -> None:
    grey, rgb = tmp_path / "g.png", tmp_path / "c.png"
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(grey)
    Image.new("RGB", (4, 4)).save(rgb)
    assert decide(grey).modality is Modality.IMAGE
    assert "16-bit" in decide(grey).rule
    assert "16-bit" not in decide(rgb).rule


def test_candidates_are_what_some_rule_could_read() -> None:
    assert is_candidate(Path("x/A.NPZ")) and is_candidate(Path("a.csv"))
    for name in (".a.jpg", "metadata.jsonl", ".DS_Store", "a.py", "README", "a.ts", "a.jpg.part"):
        assert not is_candidate(Path(name))


def test_every_extension_that_means_something_can_be_read_as_it() -> None:
    for suffix, modality in BY_SUFFIX.items():
        assert suffix in READABLE[modality]
    assert set(READABLE) == set(Modality)
