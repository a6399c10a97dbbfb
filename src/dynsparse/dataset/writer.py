"""Writing: whole blocks of episodes into a partial file that survives a kill."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from dynsparse.dataset.schema import DIGEST, UNITS, DatasetInfo, episode_digest, layout, read_info
from dynsparse.errors import DynsparseError


class BlockWriter:
    """Writes episodes into ``<path>.partial`` and renames it once all are there.

    Arrays are contiguous and their space is reserved at creation, so that later writes change
    no HDF5 metadata: a process killed at any moment leaves a file that opens, in which each
    episode is either vouched for by its digest or written again. A full disk shows at once.

    Used as a context manager; leaving it early keeps the partial file for the next run.
    """

    def __init__(self, path: Path | str, info: DatasetInfo) -> None:
        """Open the partial file of ``path``, or make it if there is none with this ``info``."""
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + ".partial")
        self._info = info
        self._layout = layout(info)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self._resumable():
                self._create()
            self._file = h5py.File(self.partial, "r+")
        except OSError as error:
            raise DynsparseError(f"{self.path}: cannot be written: {_reason(error)}") from error

    def __enter__(self) -> "BlockWriter":
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def written(self) -> np.ndarray:
        """For each episode, whether it is there and matches its digest (bool, (E,))."""
        return np.array([self._intact(episode) for episode in range(self._info.episodes)])

    def write(self, first: int, block: Mapping[str, np.ndarray]) -> None:
        """Write consecutive episodes, ``first`` onwards; arrays have a leading episode axis.

        Values of another precision take the file's.

        Raises:
            DynsparseError: the disk does not take them.
        """
        # The digest is that of the stored values, which may be narrower than the given ones.
        stored = {name: np.asarray(block[name], self._layout[name][1]) for name in block}
        count = len(next(iter(stored.values())))
        try:
            for name, values in stored.items():
                if values[0].size:
                    self._file[name][first : first + count] = values
            self._file.flush()
            for k in range(count):
                arrays = {name: values[k] for name, values in stored.items()}
                self._file[DIGEST][first + k] = episode_digest(arrays)
            self._file.flush()
        except OSError as error:
            raise DynsparseError(f"{self.path}: cannot be written: {_reason(error)}") from error

    def finish(self) -> None:
        """Check that every episode is there, and give the file its final name.

        Raises:
            DynsparseError: an episode is missing or does not match its digest.
        """
        missing = np.flatnonzero(~self.written)
        if missing.size:
            raise DynsparseError(f"{self.partial}: episode {missing[0]} is missing or damaged")
        self._file.close()
        with self.partial.open("rb") as stream:
            os.fsync(stream.fileno())
        self.partial.replace(self.path)

    def _create(self) -> None:
        try:
            self._reserve()
        except (OSError, RuntimeError) as error:
            # It says what it is but lacks its space: the next run must not go on with it. With
            # no room for a few kB, h5py raises a RuntimeError as it closes the file.
            self.partial.unlink(missing_ok=True)
            raise OSError(_reason(error)) from error

    def _reserve(self) -> None:
        with h5py.File(self.partial, "w") as file:
            file.attrs.update(self._info.to_attributes())
            for name, (shape, dtype) in self._layout.items():
                properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                properties.set_obj_track_times(False)  # the same data, the same bytes
                space = h5py.h5s.create_simple(shape)
                kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
                h5py.h5d.create(file.id, name.encode(), kind, space, properties)
                file[name].attrs["unit"] = UNITS.get(name, "1")
        with self.partial.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, self.partial.stat().st_size)

    def _resumable(self) -> bool:
        try:
            with h5py.File(self.partial, "r") as file:
                return read_info(file) == self._info
        except BlockingIOError:
            raise DynsparseError(f"{self.partial}: another process is writing it") from None
        except (OSError, KeyError, DynsparseError):
            return False

    def _intact(self, episode: int) -> bool:
        recorded = self._file[DIGEST][episode]
        if not recorded.any():
            return False
        names = [name for name in self._layout if name != DIGEST]
        return bool((episode_digest({n: self._file[n][episode] for n in names}) == recorded).all())


def _reason(error: OSError | RuntimeError) -> str:
    """The operating system's reason, which HDF5 buries in a long text."""
    text = str(error)
    start = text.find("error message = '")
    if start >= 0:
        return text[start:].split("'")[1]
    return getattr(error, "strerror", None) or text
