"""Arrays of a dataset by (episode, step): mapped into memory, read by HDF5, or given.

Datasets are contiguous and unfiltered (docs/dataset.md), so that an array is a stretch of its
file. Mapped, it is exact, can be pickled, and is safe with any number of processes, none of which
an open HDF5 file is.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import h5py
import numpy as np
from jaxtyping import Int

from dynsparse.dataset.schema import own_data
from dynsparse.errors import DynsparseError

# Deflate, HDF5's usual filter, makes nothing smaller than this (zlib's technical notes).
MOST_COMPRESSED = 1032


@runtime_checkable
class Rows(Protocol):
    """An array (E, T, ...) of which parts are taken."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102
    def episode(self, index: int) -> np.ndarray: ...  # noqa: D102
    def at(  # noqa: D102
        self, episode: Int[np.ndarray, " *n"], step: Int[np.ndarray, " *n"]
    ) -> np.ndarray: ...


@dataclass(frozen=True)
class Given:
    """An array in memory."""

    values: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """(E, T, ...)."""
        return self.values.shape

    def episode(self, index: int) -> np.ndarray:
        """One episode, (T, ...)."""
        return self.values[index]

    def at(self, episode: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Some steps, copied."""
        return self.values[episode, step]


@dataclass(frozen=True)
class Version:
    """A file as it was when it was opened; numbers of another would pass for its own.

    Attributes:
        path: of the file.
        facts: size, time of the last change, and inode.
    """

    path: Path
    facts: tuple[int, int, int]

    @classmethod
    def of(cls, path: Path) -> "Version":
        """What is there now."""
        return cls(path, _facts(path))

    def check(self) -> None:
        """Refuse a file that was changed, cut short, replaced or taken away.

        Raises:
            DynsparseError: it was.
        """
        try:
            same = _facts(self.path) == self.facts
        except OSError:
            same = False
        if not same:
            raise DynsparseError(
                f"{self.path}: has changed since it was opened, or is not there; load it again"
            )


def _facts(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


@dataclass(frozen=True)
class Mapped:
    """A stretch of a file; the map is made where it is first needed, and not pickled."""

    version: Version
    shape: tuple[int, ...]
    dtype: str
    offset: int
    _map: list[np.ndarray] = field(default_factory=list, repr=False, compare=False)

    def episode(self, index: int) -> np.ndarray:
        """One episode, (T, ...); numbers that are not truth values are read as they are asked."""
        return self._plain(self._values()[index])

    def at(self, episode: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Some steps, copied."""
        return self._plain(self._values()[episode, step])

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_map": []}

    def _values(self) -> np.ndarray:
        # To touch a map of a file that was cut short ends the process.
        self.version.check()
        if not self._map:
            kind = "uint8" if self.dtype == "bool" else self.dtype
            found = np.memmap(self.version.path, kind, "r", self.offset, self.shape)
            self._map.append(np.asarray(found))
        return self._map[0]

    def _plain(self, values: np.ndarray) -> np.ndarray:
        """A byte that is neither 0 nor 1 is no truth value of NumPy's."""
        return values != 0 if self.dtype == "bool" else values


@dataclass(frozen=True)
class Filtered:
    """A chunked or compressed array, which HDF5 reads: right, and many times slower."""

    version: Version
    name: str
    shape: tuple[int, ...]

    def episode(self, index: int) -> np.ndarray:
        """One episode, (T, ...)."""
        self.version.check()
        with h5py.File(self.version.path, "r") as file:
            return own_data(file, self.name)[index]

    def at(self, episode: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Some steps."""
        self.version.check()
        with h5py.File(self.version.path, "r") as file:
            found = own_data(file, self.name)
            pairs = np.stack([episode.ravel(), step.ravel()], axis=-1)
            values = np.stack([found[e, t] for e, t in pairs])
        return values.reshape(*episode.shape, *self.shape[2:])


def rows_of(dataset: h5py.Dataset) -> Rows:
    """How the numbers of an HDF5 dataset are got at; its shape and type were checked.

    Raises:
        DynsparseError: the file does not hold what the dataset claims.
    """
    path, shape, dtype = Path(dataset.file.filename).absolute(), dataset.shape, dataset.dtype
    if not dataset.size:
        return Given(np.empty(shape, dtype))
    claimed, there = dataset.nbytes, path.stat().st_size
    offset = dataset.id.get_offset()
    name = str(dataset.name).lstrip("/")
    if dataset.chunks is None and offset is not None:
        if offset + claimed > there:
            raise DynsparseError(f"{path}: cut short: {name!r} ends behind the end of the file")
        return Mapped(Version.of(path), shape, dtype.name, offset)
    if dataset.id.get_storage_size() == 0 or claimed > MOST_COMPRESSED * there:
        raise DynsparseError(
            f"{path}: {name!r} claims {claimed} bytes, which a file of {there} does not hold"
        )
    return Filtered(Version.of(path), name, shape)
