"""Packed zero patterns: all that the later statistics need to know of a dataset.

One bit per element and step instead of eight bytes. A million steps of CheetahRun take 54 MB
where their Jacobians take 3.5 GB, so HDF5 is read once and everything else reads this.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float, UInt8

from dynsparse.sparsity.source import Info, Jacobian, identity_columns, source_name
from dynsparse.storage.files import whole_file
from dynsparse.storage.seal import leave_room, seal
from dynsparse.storage.tables import open_table, with_metadata

KIND = "patterns"
# Steps written, and later read, together: a few MB, and long runs for the compression.
ROW_GROUP_STEPS = 20_000

BITS = ("state_pattern", "action_pattern", "contact", "constraint_active")
SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("episode", pa.int32()),
        ("step", pa.int32()),
        ("reward", pa.float64()),
        ("jacobian_ok", pa.bool_()),
        ("begins", pa.bool_()),
        *((name, pa.binary()) for name in BITS),
    ]
)


@dataclass(frozen=True)
class PatternInfo:
    """What a file of patterns says about itself; ``threshold`` is the one of its zero test."""

    environment: str
    behaviour: str
    seed: int
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    contact_names: tuple[str, ...]
    constraint_names: tuple[str, ...]
    control_dt_s: float
    threshold: float

    @classmethod
    def of(cls, info: Info, threshold: float) -> "PatternInfo":
        """The facts of a dataset, with the threshold that its zeros are told by."""
        names = [field.name for field in fields(cls) if field.name != "threshold"]
        return cls(**{name: getattr(info, name) for name in names}, threshold=float(threshold))

    def elements(self, jacobian: Jacobian) -> int:
        """Number of elements of a Jacobian."""
        columns = self.state_names if jacobian == "state" else self.action_names
        return len(self.state_names) * len(columns)

    def facts(self) -> dict[str, Any]:
        """What every table computed from these patterns carries in its metadata."""
        return {
            "threshold": self.threshold,
            "control_dt_s": self.control_dt_s,
            "sources": [source_name(self)],
        }


@dataclass(frozen=True)
class PackedEpisode:
    """One episode of T steps; a 1 bit is a zero element, a touching pair or an active row.

    Inside an episode a step ``begins`` something new where it does not start where the last one
    ended: a robot that had fallen stands again. Nothing lasts from before to after.
    """

    index: int
    reward: Float[np.ndarray, " T"]
    jacobian_ok: Bool[np.ndarray, " T"]
    begins: Bool[np.ndarray, " T"]
    state_pattern: UInt8[np.ndarray, "T state_bytes"]
    action_pattern: UInt8[np.ndarray, "T action_bytes"]
    contact: UInt8[np.ndarray, "T contact_bytes"]
    constraint_active: UInt8[np.ndarray, "T constraint_bytes"]

    def pattern(self, jacobian: Jacobian) -> UInt8[np.ndarray, "T bytes"]:
        """The packed pattern of one Jacobian."""
        return self.state_pattern if jacobian == "state" else self.action_pattern


@runtime_checkable
class PatternSource(Protocol):
    """Packed patterns, one episode at a time."""

    @property
    def info(self) -> PatternInfo: ...  # noqa: D102
    def episodes(self) -> Iterator[PackedEpisode]: ...  # noqa: D102


def pack(bits: Bool[np.ndarray, "T bits"]) -> UInt8[np.ndarray, "T bytes"]:
    """Eight bits per byte, each row by itself."""
    return np.packbits(bits, axis=1)


def unpack(packed: UInt8[np.ndarray, "T bytes"], bits: int) -> Bool[np.ndarray, "T bits"]:
    """The first ``bits`` bits of every row."""
    return np.unpackbits(packed, axis=1, count=bits).astype(bool)


class PatternFile:
    """An open file of patterns."""

    def __init__(self, file: pq.ParquetFile, facts: dict[str, Any]) -> None:
        """Take an open file and the metadata of its schema."""
        values = {field.name: facts[field.name] for field in fields(PatternInfo)}
        names = {key: tuple(value) for key, value in values.items() if key.endswith("_names")}
        self.info = PatternInfo(**{**values, **names})
        self._file = file

    def episodes(self) -> Iterator[PackedEpisode]:
        """All episodes in order; holds one row group in memory at a time."""
        for number in range(self._file.num_row_groups):
            group = self._file.read_row_group(number)
            episode = group["episode"].to_numpy()
            edges = np.flatnonzero(np.diff(episode, prepend=-1, append=-1))
            for first, last in zip(edges[:-1], edges[1:], strict=True):
                yield _episode(group.slice(first, last - first))


@contextmanager
def open_patterns(path: Path | str) -> Iterator[PatternFile]:
    """Open a file of patterns.

    Raises:
        DynsparseError: as ``read_table``.
    """
    with open_table(path, KIND) as (file, facts):
        yield PatternFile(file, facts)


class PatternWriter:
    """Writes episodes into row groups of whole episodes."""

    def __init__(self, path: Path, info: PatternInfo) -> None:
        """Begin a file; ``path`` is a temporary one, see ``writing_patterns``."""
        self._info, self._path = info, path
        schema = with_metadata(
            SCHEMA.empty_table(), KIND, **{**asdict(info), **info.facts()}
        ).schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._waiting: list[pa.Table] = []

    def add(self, episode: PackedEpisode) -> None:
        """Add the next episode."""
        self._waiting.append(_table(self._info, episode))
        if sum(part.num_rows for part in self._waiting) >= ROW_GROUP_STEPS:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the file's footer."""
        self._flush()
        leave_room(self._writer)
        self._writer.close()
        seal(self._path)

    def _flush(self) -> None:
        if self._waiting:
            group = pa.concat_tables(self._waiting).replace_schema_metadata(None)
            group = group.cast(self._writer.schema)
            self._writer.write_table(group, row_group_size=max(group.num_rows, 1))
            self._waiting = []


@contextmanager
def writing_patterns(path: Path | str, info: PatternInfo) -> Iterator[PatternWriter]:
    """Write a file of patterns that appears whole or not at all.

    Raises:
        DynsparseError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        writer = PatternWriter(temporary, info)
        yield writer
        writer.close()


def _table(info: PatternInfo, episode: PackedEpisode) -> pa.Table:
    steps = len(episode.reward)
    columns = identity_columns(info, steps) | {
        "episode": pa.repeat(pa.scalar(episode.index, pa.int32()), steps),
        "step": np.arange(steps, dtype=np.int32),
        "reward": episode.reward,
        "jacobian_ok": episode.jacobian_ok,
        "begins": episode.begins,
    }
    bits = {name: binary(getattr(episode, name)) for name in BITS}
    return pa.table({**columns, **bits}, schema=SCHEMA)


def binary(rows: UInt8[np.ndarray, "T bytes"]) -> pa.Array:
    """Rows of bytes as an Arrow array of binary values of one length."""
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(rows))]
    return pa.Array.from_buffers(pa.binary(), len(rows), buffers)


def _episode(rows: pa.Table) -> PackedEpisode:
    packed: Sequence[np.ndarray] = [byte_rows(rows[name].combine_chunks()) for name in BITS]
    return PackedEpisode(
        rows["episode"][0].as_py(),
        rows["reward"].to_numpy(),
        rows["jacobian_ok"].to_numpy(zero_copy_only=False),
        rows["begins"].to_numpy(zero_copy_only=False),
        *packed,
    )


def byte_rows(values: pa.Array) -> UInt8[np.ndarray, "T bytes"]:
    """Binary values of one length as rows of bytes, what ``binary`` was made from."""
    if not len(values):
        return np.empty((0, 0), np.uint8)
    offsets = np.frombuffer(values.buffers()[1], np.int32)[values.offset :][: len(values) + 1]
    width = int(offsets[1] - offsets[0])
    content = values.buffers()[2]
    flat = np.frombuffer(content, np.uint8) if content is not None else np.empty(0, np.uint8)
    return flat[offsets[0] : offsets[-1]].reshape(len(values), width)
