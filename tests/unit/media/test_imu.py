"""Motion recordings: units, rates, gaps, spans, and tables that are not what they seem."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from searchengine.errors import ConfigError, DecodeError, UnsupportedMedia
from searchengine.media import imu_files
from searchengine.media.imu import describe, read_imu
from searchengine.media.options import MediaOptions
from searchengine.types import Modality, Span

OPTIONS = MediaOptions()
AT_50_HZ = MediaOptions(imu_rate_hz=50.0)
SI = "accel_x_m_s2,accel_y_m_s2,accel_z_m_s2,gyro_x_rad_s,gyro_y_rad_s,gyro_z_rad_s"
RNG = np.random.default_rng(7)
MOTION = RNG.normal(size=(200, 6))


def _csv(
    path: Path,
    columns: npt.NDArray[Any],
    header: str = SI,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> Path:
    rows = [delimiter.join(repr(float(v)) for v in row) for row in columns]
    text = "\n".join([header.replace(",", delimiter), *rows])
    path.write_text(text, encoding=encoding)
    return path


def _timed(path: Path, time_s: npt.NDArray[Any], values: npt.NDArray[Any], name: str) -> Path:
    return _csv(path, np.column_stack([time_s, values]), f"{name},{SI}")


def test_a_table_in_si_units_is_read_as_it_is(tmp_path: Path) -> None:
    path = _timed(tmp_path / "a.csv", np.arange(200) / 100, MOTION, "time_s")
    recording = read_imu(path, OPTIONS)
    assert recording.accel_m_s2.dtype == recording.gyro_rad_s.dtype == np.float32
    np.testing.assert_allclose(recording.accel_m_s2, MOTION[:, :3], rtol=1e-6)
    np.testing.assert_allclose(recording.gyro_rad_s, MOTION[:, 3:], rtol=1e-6)
    assert recording.rate_hz == pytest.approx(100)
    assert recording.duration_s == pytest.approx(2)


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_what_separates_columns_is_seen_in_the_header(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    path = _csv(tmp_path / "a.tsv", MOTION, SI.upper(), delimiter, encoding)
    np.testing.assert_allclose(
        read_imu(path, AT_50_HZ).accel_m_s2, MOTION[:, :3].astype(np.float32)
    )


def test_quotes_blank_lines_windows_line_ends_and_other_columns_do_no_harm(tmp_path: Path) -> None:
    text = (
        '"note","accel_z_g", "accel_x_g","accel_y_g"\r\n"a, b","1","2","3"\r\n\r\n# x,4,5,6\r\n\n'
    )
    (tmp_path / "a.csv").write_text(text, newline="")
    recording = read_imu(tmp_path / "a.csv", AT_50_HZ)
    np.testing.assert_allclose(
        recording.accel_m_s2, np.array([[2, 3, 1], [5, 6, 4]]) * 9.80665, rtol=1e-6
    )


@given(
    g=hnp.arrays(np.float64, (3, 3), elements=st.floats(-1e4, 1e4)),
    degrees=hnp.arrays(np.float64, (3, 3), elements=st.floats(-1e6, 1e6)),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_g_and_degrees_convert_to_si(
    tmp_path_factory: pytest.TempPathFactory,
    g: npt.NDArray[np.float64],
    degrees: npt.NDArray[np.float64],
) -> None:
    header = SI.replace("m_s2", "g").replace("rad_s", "deg_s")
    folder = tmp_path_factory.mktemp("imu")
    table = read_imu(_csv(folder / "a.csv", np.hstack([g, degrees]), header), AT_50_HZ)
    np.savez(folder / "a.npz", accel_g=g, gyro_deg_s=degrees, rate_hz=50)
    arrays = read_imu(folder / "a.npz", OPTIONS)
    for recording in (table, arrays):
        np.testing.assert_allclose(recording.accel_m_s2 / 9.80665, g, rtol=1e-5, atol=1e-30)
        np.testing.assert_allclose(
            np.rad2deg(recording.gyro_rad_s.astype(np.float64)), degrees, rtol=1e-5, atol=1e-30
        )


@pytest.mark.parametrize(
    ("name", "per_second"), [("time_s", 1), ("time_ms", 1e3), ("time_us", 1e6), ("time_ns", 1e9)]
)
def test_time_in_any_unit_and_since_any_epoch_gives_the_rate(
    tmp_path: Path, name: str, per_second: float
) -> None:
    epoch_s = 1.7e9
    stamps = np.round((epoch_s + np.arange(200) / 60) * per_second, 3)
    recording = read_imu(_timed(tmp_path / "a.csv", stamps, MOTION, name), OPTIONS)
    assert recording.rate_hz == pytest.approx(60, rel=1e-3)
    assert len(recording.accel_m_s2) == 200


def test_whole_milliseconds_at_sixty_hertz_are_a_steady_sixty_hertz(tmp_path: Path) -> None:
    stamps = np.round(np.arange(200) * 1000 / 60)
    recording = read_imu(_timed(tmp_path / "a.csv", stamps, MOTION, "time_ms"), OPTIONS)
    assert recording.rate_hz == pytest.approx(60, rel=1e-3)
    np.testing.assert_array_equal(recording.accel_m_s2, MOTION[:, :3].astype(np.float32))


@given(seed=st.integers(0, 2**32 - 1), jitter=st.floats(0.5, 0.9))
@settings(max_examples=20)
def test_uneven_time_is_interpolated_to_a_steady_rate(
    tmp_path_factory: pytest.TempPathFactory, seed: int, jitter: float
) -> None:
    rng = np.random.default_rng(seed)
    stamps = np.cumsum(0.01 * (1 + jitter * rng.uniform(-1, 1, 400)))
    stamps[200:] += 0.5  # and a gap
    line = np.column_stack([stamps * k for k in range(1, 7)])  # what is linear stays exact
    path = _timed(tmp_path_factory.mktemp("imu") / "a.csv", stamps, line, "time_s")
    recording = read_imu(path, OPTIONS)
    steady = stamps[0] + np.arange(len(recording.accel_m_s2)) / recording.rate_hz
    np.testing.assert_allclose(recording.accel_m_s2[:, 0], steady, rtol=1e-5)
    np.testing.assert_allclose(recording.gyro_rad_s[:, 2], steady * 6, rtol=1e-5)
    assert recording.duration_s == pytest.approx(stamps[-1] - stamps[0], abs=0.05)
    assert recording.rate_hz == pytest.approx(100, rel=0.2)


@pytest.mark.parametrize("stamps", [[0, 1, 1, 2], [0, 1, 0.5, 2]])
def test_time_that_does_not_rise_is_refused_naming_the_row(
    tmp_path: Path, stamps: list[float]
) -> None:
    path = _timed(tmp_path / "a.csv", np.array(stamps), MOTION[:4], "time_s")
    with pytest.raises(DecodeError, match="row 3: its time is not later"):
        read_imu(path, OPTIONS)


def test_a_gap_of_years_is_refused_rather_than_filled(tmp_path: Path) -> None:
    stamps = np.array([0, 0.01, 0.02, 1e9])
    with pytest.raises(DecodeError, match="gap of 1e"):
        read_imu(_timed(tmp_path / "a.csv", stamps, MOTION[:4], "time_s"), OPTIONS)


def test_other_names_are_given_by_the_options_and_win(tmp_path: Path) -> None:
    header = "Stamp,AccX,accel_y_m_s2,accel_z_m_s2,Wx,Wy,Wz"
    path = _csv(tmp_path / "a.csv", np.column_stack([np.arange(5) * 10.0, MOTION[:5]]), header)
    names = {
        "time_ms": "stamp",
        "accel_x_g": "AccX",
        "gyro_x_deg_s": "Wx",
        "gyro_y_deg_s": "Wy",
        "gyro_z_deg_s": "Wz",
    }
    options = OPTIONS.with_row({"imu_columns": names})
    recording = read_imu(path, options)
    assert recording.rate_hz == pytest.approx(100)
    np.testing.assert_allclose(recording.accel_m_s2[:, 0], MOTION[:5, 0] * 9.80665, rtol=1e-6)
    np.testing.assert_allclose(recording.accel_m_s2[:, 1], MOTION[:5, 1], rtol=1e-6)
    np.testing.assert_allclose(recording.gyro_rad_s, np.deg2rad(MOTION[:5, 3:]), rtol=1e-6)


@pytest.mark.parametrize("columns", [{"acc_x": "AccX"}, {"accel_x_g": 3}])
def test_a_mapping_of_names_we_do_not_have_is_refused(columns: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"imu_columns.*accel_x_m_s2"):
        OPTIONS.with_row({"imu_columns": columns})


@pytest.mark.parametrize("columns", [[["accel_x_g"]], "ab", 5, [5]])
def test_a_mapping_of_no_shape_is_refused(columns: Any) -> None:
    with pytest.raises(ConfigError, match=r"metadata\.jsonl"):
        OPTIONS.with_row({"imu_columns": columns})


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("a,b,c,d,e,f", "no accel_.*--imu-columns"),
        (SI.replace("accel_z", "accel_q"), "no accel_"),
        (SI.replace("gyro_z", "gyro_q"), "only some of gyro"),
        (SI.replace("accel_y", "accel_x"), "twice"),
        ("", "no accel_"),
    ],
)
def test_a_missing_or_repeated_column_is_refused(tmp_path: Path, header: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        read_imu(_csv(tmp_path / "a.csv", MOTION[:3], header), AT_50_HZ)


def test_a_mapped_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    options = MediaOptions(imu_columns=(("time_s", "Clock"),))
    with pytest.raises(DecodeError, match="'clock' is missing"):
        read_imu(_csv(tmp_path / "a.csv", MOTION[:3]), options)


def test_without_a_gyroscope_rotation_is_zero(tmp_path: Path) -> None:
    header = ",".join(SI.split(",")[:3])
    np.save(tmp_path / "a.npy", MOTION[:, :3])
    np.savez(tmp_path / "a.npz", accel_m_s2=MOTION[:, :3])
    _csv(tmp_path / "a.csv", MOTION[:, :3], header)
    for name in ("a.csv", "a.npy", "a.npz"):
        recording = read_imu(tmp_path / name, AT_50_HZ)
        np.testing.assert_array_equal(recording.gyro_rad_s, np.zeros((200, 3)))
        np.testing.assert_allclose(recording.accel_m_s2, MOTION[:, :3], rtol=1e-6)


@pytest.mark.parametrize("name", ["a.csv", "a.npy", "a.npz"])
def test_without_a_rate_the_error_says_how_to_give_one(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "a.npy", MOTION)
    np.savez(tmp_path / "a.npz", accel_m_s2=MOTION[:, :3], gyro_rad_s=MOTION[:, 3:])
    _csv(tmp_path / "a.csv", MOTION)
    with pytest.raises(DecodeError, match=r"time_s.*--imu-rate-hz"):
        read_imu(tmp_path / name, OPTIONS)
    assert read_imu(tmp_path / name, AT_50_HZ).rate_hz == 50


def test_arrays_are_rows_by_axes_in_either_orientation(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", MOTION)
    np.save(tmp_path / "b.npy", MOTION.T)
    np.save(tmp_path / "c.npy", MOTION[:6])
    a, b, c = (read_imu(tmp_path / f"{n}.npy", AT_50_HZ) for n in "abc")
    np.testing.assert_array_equal(a.gyro_rad_s, b.gyro_rad_s)
    np.testing.assert_array_equal(a.accel_m_s2[:6], c.accel_m_s2)


@pytest.mark.parametrize("shape", [(7,), (4, 5), (2, 6, 128), (0, 6), ()])
def test_arrays_of_other_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(DecodeError):
        read_imu(tmp_path / "a.npy", AT_50_HZ)


def test_archives_say_their_rate_or_their_times(tmp_path: Path) -> None:
    arrays = {"accel_m_s2": MOTION[:, :3], "gyro_rad_s": MOTION[:, 3:].T}
    np.savez_compressed(tmp_path / "a.npz", allow_pickle=False, rate_hz=25, **arrays)
    np.savez(tmp_path / "b.npz", allow_pickle=False, time_us=np.arange(200) * 5000, **arrays)
    assert read_imu(tmp_path / "a.npz", AT_50_HZ).rate_hz == 25
    assert read_imu(tmp_path / "b.npz", AT_50_HZ).rate_hz == pytest.approx(200)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"data": np.zeros((4, 6))}, "no array accel_m_s2"),
        ({"accel_g": np.zeros((4, 3)), "gyro_rad_s": np.zeros((5, 3))}, "5 rows"),
        ({"accel_g": np.zeros((4, 3)), "time_s": np.zeros(5)}, "5 values"),
        ({"accel_g": np.zeros((4, 3)), "rate_hz": np.array(-5)}, "rate is not known"),
        ({"accel_g": np.zeros((4, 3)), "rate_hz": np.array(np.nan)}, "rate_hz"),
        ({"accel_g": np.array([[None]], object)}, "no plain numbers"),
    ],
)
def test_archives_that_do_not_fit_together_are_refused(
    tmp_path: Path, arrays: dict[str, Any], reason: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DecodeError, match=reason):
        read_imu(tmp_path / "a.npz", OPTIONS)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", "1e999"])
def test_a_number_that_is_none_is_named_by_row_and_column(tmp_path: Path, value: str) -> None:
    text = f"{SI}\n0,0,0,0,0,0\n0,0,0,{value},0,0\n"
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DecodeError, match="row 2, column gyro_x_rad_s"):
        read_imu(tmp_path / "a.csv", AT_50_HZ)
    table = np.zeros((5, 6))
    table[3, 1] = float(value)
    np.save(tmp_path / "a.npy", table)
    with pytest.raises(DecodeError, match="row 4, column accel_y_m_s2"):
        read_imu(tmp_path / "a.npy", AT_50_HZ)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("0,0,x,0,0,0\n", "row 1, column 3: 'x' is no number"),
        ("0,0,0,0,0,0\n0,0,,0,0,0\n", "row 2, column 3: '' is no number"),
        ("0,0,0,0,0,0\n0,0,0\n", "row 2 has only 3 columns"),
        ("", "no readings"),
        ("\n \n", "no readings"),
        ("0," * 50_000 + "\n", "longer than"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, rows: str, reason: str) -> None:
    (tmp_path / "a.csv").write_text(f"{SI}\n{rows}")
    with pytest.raises(DecodeError, match=reason):
        read_imu(tmp_path / "a.csv", AT_50_HZ)


def test_other_encodings_and_binaries_are_refused(tmp_path: Path) -> None:
    for content in (SI.encode("utf-16"), SI.encode() + b"\n\xff\xfe", b"\0" * 1000, b"", b"PAR1"):
        (tmp_path / "a.csv").write_bytes(content)
        with pytest.raises(DecodeError):
            read_imu(tmp_path / "a.csv", AT_50_HZ)
    with pytest.raises(DecodeError, match="No such file"):
        read_imu(tmp_path / "missing.csv", AT_50_HZ)


def test_endless_recordings_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imu_files, "MAX_ROWS", 100)
    np.save(tmp_path / "a.npy", MOTION)
    for path in (_csv(tmp_path / "a.csv", MOTION), tmp_path / "a.npy"):
        with pytest.raises(DecodeError, match=r"within|limit"):
            read_imu(path, AT_50_HZ)


def test_parquet_is_read_by_the_same_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    columns = dict(zip(SI.split(","), MOTION.T, strict=True))
    stamps = (np.arange(200) * 10**7).astype(np.int64)
    parquet.write_table(arrow.table({"other": ["x"] * 200, **columns, "time_ns": stamps}), path)
    recording = read_imu(path, OPTIONS)
    assert recording.rate_hz == pytest.approx(100)
    np.testing.assert_allclose(recording.gyro_rad_s, MOTION[:, 3:], rtol=1e-6)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DecodeError, match="not a readable parquet"):
        read_imu(path, OPTIONS)
    for bad, reason in (([1.0, None], "row 2"), (["a", "b"], "not a readable")):
        parquet.write_table(
            arrow.table({f"accel_{a}_g": bad for a in "xyz"}), tmp_path / f"{reason}.parquet"
        )
        with pytest.raises(DecodeError, match=reason):
            read_imu(tmp_path / f"{reason}.parquet", AT_50_HZ)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    path.write_bytes(whole)
    with pytest.raises(UnsupportedMedia, match=r"searchengine\[parquet\]"):
        read_imu(path, AT_50_HZ)


def test_spans_tile_a_recording_without_gap_or_overlap(tmp_path: Path) -> None:
    path = _timed(tmp_path / "a.csv", np.arange(200) / 60, MOTION, "time_s")
    whole = read_imu(path, OPTIONS)
    parts = [read_imu(path, OPTIONS, Span(s * 0.7, (s + 1) * 0.7)) for s in range(5)]
    np.testing.assert_array_equal(np.concatenate([p.accel_m_s2 for p in parts]), whole.accel_m_s2)
    np.testing.assert_array_equal(parts[1].gyro_rad_s, whole.gyro_rad_s[42:84])
    with pytest.raises(DecodeError, match="no reading from"):
        read_imu(path, OPTIONS, Span(10, 20))


def test_what_is_returned_may_be_written_to_and_a_changed_file_is_read_again(
    tmp_path: Path,
) -> None:
    path = _csv(tmp_path / "a.csv", MOTION)
    first = read_imu(path, AT_50_HZ)
    first.accel_m_s2[:] = 0
    np.testing.assert_allclose(read_imu(path, AT_50_HZ).accel_m_s2, MOTION[:, :3], rtol=1e-6)
    _csv(path, MOTION[:50])
    assert len(read_imu(path, AT_50_HZ).accel_m_s2) == 50


def test_describe_agrees_with_what_is_read(tmp_path: Path) -> None:
    path = _timed(tmp_path / "a.csv", np.arange(200) / 100, MOTION, "time_s")
    info = describe(path, OPTIONS)
    assert (info.modality, info.mime_type, info.count) == (Modality.IMU, "text/csv", 200)
    assert info.duration_s == pytest.approx(2) and info.rate_hz == pytest.approx(100)


def test_a_long_table_is_read_in_seconds_and_once_for_all_its_spans(tmp_path: Path) -> None:
    rows = 100_000
    block = "\n".join("0.12345,-1.23456,9.80665,0.0123,0.0456,-0.789" for _ in range(rows))
    (tmp_path / "a.csv").write_text(f"{SI}\n{block}\n")
    began = time.perf_counter()
    for start in range(0, 2000, 10):
        read_imu(tmp_path / "a.csv", AT_50_HZ, Span(start, start + 10))
    assert time.perf_counter() - began < 5


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_under_a_good_header_are_one_clear_error(tmp_path: Path, rows: bytes) -> None:
    path = tmp_path / f"{hash(rows)}.csv"
    path.write_bytes(SI.encode() + b"\n" + rows)
    try:
        read_imu(path, AT_50_HZ)
    except DecodeError as error:
        assert error.reason
