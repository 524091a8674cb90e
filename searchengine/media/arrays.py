"""NumPy files, read as if an enemy had written them: no pickles, and sizes are checked first."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from searchengine.errors import DecodeError


def array_names(path: Path) -> tuple[str, ...]:
    """The names of the arrays in a ``.npz``, in the order they were saved.

    Raises DecodeError when it is not one.
    """
    with _broken_is_decode_error(path), zipfile.ZipFile(path) as archive:
        names = (name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))
        return tuple(names)


def read_array(path: Path, name: str | None, max_values: int) -> npt.NDArray[Any]:
    """The array of a ``.npy`` (``name`` None) or the one called ``name`` in a ``.npz``.

    Its dtype is bool, integer or float, of any byte order. Raises DecodeError for objects,
    text, records and complex numbers; for more than ``max_values``; and when the file holds
    fewer bytes than its header claims. All of that is known before anything is allocated.
    """
    with _broken_is_decode_error(path):
        if name is None:
            with path.open("rb") as file:
                return _read(path, file, path.stat().st_size, max_values)
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{name}.npy")
            with archive.open(member) as file:
                return _read(path, file, member.file_size, max_values)


def _read(path: Path, file: IO[bytes], size_bytes: int, max_values: int) -> npt.NDArray[Any]:
    shape, fortran, dtype, header_bytes = _header(file)
    if dtype.hasobject or dtype.kind not in "biuf":
        raise DecodeError(str(path), f"an array of {dtype} holds no plain numbers")
    count = 1
    for length in shape:
        count *= length  # as Python integers: nothing overflows
    if count > max_values:
        raise DecodeError(str(path), f"{count} values is over the limit of {max_values}")
    wanted = count * dtype.itemsize
    if min(shape, default=0) < 0 or wanted > size_bytes - header_bytes:
        raise DecodeError(str(path), f"cut short: {shape} of {dtype} needs {wanted} bytes")
    values = np.frombuffer(file.read(wanted), dtype)
    return values.reshape(shape, order="F" if fortran else "C")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, Fortran order, dtype, and the bytes that came before the values."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"npy version {version[0]}.{version[1]} holds no plain numbers")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # headers by Python 2
        shape, fortran, dtype = read(file)
    return shape, fortran, dtype, file.tell()


@contextmanager
def _broken_is_decode_error(path: Path) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise DecodeError(str(path), f"no array {error} in it") from error
    except DecodeError:
        raise
    except Exception as error:  # numpy's header goes through Python's parser: all can come out
        raise DecodeError(str(path), f"not a readable array ({error})") from error
