"""Arrays in a file of somebody one does not know, in HDF5 or as npz.

What an array claims is looked at before it is read, and whoever asks says what it may take. Nothing
is unpickled, and no link is followed.
"""

import json
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import h5py
import numpy as np

from dynsparse.dataset.schema import attributes, own_data
from dynsparse.errors import DynsparseError, printable

# A name or a list of words; a thousand dimensions' names take 30 kB.
MOST_TEXT_BYTES = 2**20
# A chunk is read whole, and may be larger than its array.
MOST_CHUNK_BYTES = 2**26
# What the libraries raise for files that are damaged, or made to be.
_DAMAGED = (
    *(OSError, ValueError, RuntimeError, KeyError, EOFError, NotImplementedError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OverflowError),
)
# What NumPy raises beside these, for a header that is no Python literal of its form.
_NO_HEADER = (TypeError, IndexError, AttributeError, tokenize.TokenError)
Header = tuple[tuple[int, ...], np.dtype]


@runtime_checkable
class Source(Protocol):
    """An open file of arrays by name, and texts by name."""

    def names(self) -> list[str]: ...  # noqa: D102
    def has(self, name: str) -> bool: ...  # noqa: D102
    def text(self, name: str) -> str | None: ...  # noqa: D102
    def header(self, name: str) -> Header: ...  # noqa: D102
    def array(self, name: str) -> np.ndarray: ...  # noqa: D102


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """A file of arrays, by what it begins with.

    Raises:
        DynsparseError: no such file; neither HDF5 nor npz; or it is damaged, wherever that shows.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
        if start.startswith(b"PK"):
            with zipfile.ZipFile(path) as archive:
                yield Npz(archive)
        elif start == b"\x89HDF\r\n\x1a\n":
            with h5py.File(path, "r") as file:
                yield Hdf5(file)
        else:
            raise DynsparseError("neither HDF5 nor npz")
    except FileNotFoundError:
        raise DynsparseError(f"{path}: no such file") from None
    except DynsparseError as error:
        raise DynsparseError(f"{path}: {printable(str(error))}") from None
    except _DAMAGED as error:
        reason = printable(" ".join(str(error).split())[:200])
        raise DynsparseError(f"{path}: cannot be read: {reason or type(error).__name__}") from None


class Npz:
    """Arrays of NumPy's ``savez``; a text is an array of one string."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        """Take an open archive."""
        self._archive = archive
        members = Counter(name for name in archive.namelist() if name.endswith(".npy"))
        self._headers = {name.removesuffix(".npy"): name for name in members}
        for name, count in members.items():
            if count > 1:
                raise DynsparseError(f"{name.removesuffix('.npy')} is there {count} times")

    def names(self) -> list[str]:
        """Of all arrays, and all texts."""
        return list(self._headers)

    def has(self, name: str) -> bool:
        """Whether there is such an array."""
        return name in self._headers

    def text(self, name: str) -> str | None:
        """A text; None if there is none."""
        if name not in self._headers:
            return None
        shape, dtype = self.header(name)
        if shape != () or dtype.kind != "U" or dtype.itemsize > MOST_TEXT_BYTES:
            raise DynsparseError(f"{name} is no text")
        return str(self.array(name))

    def header(self, name: str) -> Header:
        """Shape and type that an array claims."""
        with self._archive.open(self._headers[name]) as stream:
            # Later versions have headers of any size; NumPy writes them where it has to, for
            # thousands of fields.
            if np.lib.format.read_magic(stream) != (1, 0):
                raise DynsparseError(f"{name}: version 1.0 of NumPy's format is needed")
            try:
                shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
            except _NO_HEADER:
                raise DynsparseError(f"{name}: its header cannot be read") from None
        if any(size < 0 for size in shape):
            raise DynsparseError(f"{name}: {shape} is no shape")
        return shape, dtype

    def array(self, name: str) -> np.ndarray:
        """An array; an object is never loaded."""
        with self._archive.open(self._headers[name]) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)


class Hdf5:
    """Datasets in the root of an HDF5 file; a text is an attribute of the file."""

    def __init__(self, file: h5py.File) -> None:
        """Take an open file."""
        self._file = file

    def names(self) -> list[str]:
        """Of all datasets, and whatever else lies beside them."""
        return list(self._file)

    def has(self, name: str) -> bool:
        """Whether there is something of this name, such as ``group/array``; no link is followed."""
        here = self._file
        *outer, last = name.split("/")
        for part in outer:
            link = here.get(part, getlink=True)
            if link is not None and not isinstance(link, h5py.HardLink):
                raise DynsparseError(
                    f"{part!r} is no data of this file's own, but a link; nothing outside was read"
                )
            here = here.get(part)
            if not isinstance(here, h5py.Group):
                return False
        return here.get(last, getlink=True) is not None

    def text(self, name: str) -> str | None:
        """A text; None if there is none."""
        value = attributes(self._file, (name,)).get(name)
        if isinstance(value, bytes):
            value = value.decode()
        if value is not None and not isinstance(value, str):
            raise DynsparseError(f"{name} is no text")
        return value

    def header(self, name: str) -> Header:
        """Shape and type that a dataset claims."""
        found = own_data(self._file, name)
        if math.prod(found.chunks or ()) * found.dtype.itemsize > MOST_CHUNK_BYTES:
            raise DynsparseError(
                f"{name}: its chunks are larger than {MOST_CHUNK_BYTES} bytes; write it with"
                " smaller ones"
            )
        return found.shape, found.dtype

    def array(self, name: str) -> np.ndarray:
        """A dataset of the file's own."""
        return own_data(self._file, name)[()]


def strict_json(text: str | bytes) -> Any:
    """What JSON text holds. A key that is there twice could be read in two ways, and is refused.

    Raises:
        ValueError: it is no JSON, nested too deeply, or has a key twice in one object.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key[:50]!r} is there twice")
        found[key] = value
    return found


def checked(source: Source, name: str, shape: tuple[int, ...], kinds: str) -> np.ndarray:
    """An array, if it is of this shape and of a kind of number that is asked for.

    Args:
        source: where it is.
        name: of the array.
        shape: what it has to be: memory is taken for no other one.
        kinds: letters of NumPy's kinds, such as ``fiub`` for any real number.

    Raises:
        DynsparseError: it is missing, of another shape or type, or holds objects.
    """
    if not source.has(name):
        raise DynsparseError(f"{name} is missing")
    found, dtype = source.header(name)
    if dtype.hasobject:
        raise DynsparseError(f"{name} holds Python objects, and these are never loaded")
    if found is None or tuple(found) != shape:
        raise DynsparseError(f"{name}: {found} should be {shape}")
    if dtype.kind not in kinds:
        raise DynsparseError(f"{name}: {dtype} should be {_KINDS[kinds]}")
    return source.array(name)


_KINDS = {
    "fiub": "real numbers",
    "fiu": "real numbers",
    "iu": "whole numbers",
    "iub": "truth values, or 0 and 1",
    "f": "real numbers",
    "u": "bytes",
    "b": "truth values",
}
