"""How long elements stay zero or nonzero (paper, section 5.3, Figure 7)."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int, UInt8

from dynsparse.sparsity.patterns import PatternInfo, PatternSource, unpack
from dynsparse.sparsity.source import JACOBIANS, Jacobian, elements_of, identity_columns
from dynsparse.storage.tables import with_metadata

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("jacobian", pa.string()),
        ("row", pa.int32()),
        ("column", pa.int32()),
        ("row_name", pa.string()),
        ("column_name", pa.string()),
        ("zero", pa.bool_()),
        ("length", pa.int32()),
        ("cut_start", pa.bool_()),
        ("cut_end", pa.bool_()),
        ("count", pa.int64()),
    ]
)

# Runs waiting to be counted, per Jacobian: bounds memory to tens of MB, and sorting seldom.
BUFFERED_RUNS = 2_000_000


class Runs(NamedTuple):
    """Maximal stretches of steps in which an element does not switch, element by element."""

    element: Int[np.ndarray, " runs"]
    zero: Bool[np.ndarray, " runs"]
    length: Int[np.ndarray, " runs"]
    cut_start: Bool[np.ndarray, " runs"]
    cut_end: Bool[np.ndarray, " runs"]


def run_lengths(
    pattern: UInt8[np.ndarray, "T bytes"],
    elements: int,
    ok: Bool[np.ndarray, " T"],
    begins: Bool[np.ndarray, " T"],
) -> Runs:
    """The runs of every element of one episode, from its packed pattern.

    A run is cut where its true start or end was not seen: at the first and last step of the
    episode, beside a sample that is not ok, and before one that ``begins`` something new.
    Samples that are not ok belong to no run, so each stretch between them is cut at both ends,
    as an episode of its own would be.
    """
    stretches = [
        _stretch(pattern[steps], elements)
        for part in np.split(np.arange(len(ok)), np.flatnonzero(begins))
        for steps in _unbroken(part, ok)
    ]
    if not stretches:
        return Runs(*(np.empty(0, dtype) for dtype in (int, bool, int, bool, bool)))
    return Runs(*(np.concatenate(field) for field in zip(*stretches, strict=True)))


def _unbroken(part: Int[np.ndarray, " T"], ok: Bool[np.ndarray, " steps"]) -> list[np.ndarray]:
    """The stretches of consecutive steps that are ok."""
    edges = np.flatnonzero(np.diff(ok[part], prepend=False, append=False))
    return [part[first:last] for first, last in zip(edges[::2], edges[1::2], strict=True)]


def _stretch(pattern: UInt8[np.ndarray, "T bytes"], elements: int) -> Runs:
    """Runs of consecutive samples, found where the pattern changes; most elements never do."""
    steps = len(pattern)
    changed = pattern[1:] ^ pattern[:-1]
    rows = np.flatnonzero(changed.any(axis=1))
    switching, row = np.nonzero(unpack(changed[rows], elements).T)
    # A run begins in the first step and at every switch, element after element.
    runs = np.bincount(switching, minlength=elements) + 1
    first = np.cumsum(runs) - runs
    element = np.repeat(np.arange(elements), runs)
    number = np.arange(len(element)) - first[element]
    start = np.zeros(len(element), dtype=np.int64)
    start[number > 0] = rows[row] + 1
    end = np.append(start[1:], 0)
    end[end == 0] = steps
    # Zero at first, and the other way round after each switch.
    zero = unpack(pattern[:1], elements)[0][element] ^ (number % 2).astype(bool)
    return Runs(element, zero, end - start, start == 0, end == steps)


def measure_durations(patterns: PatternSource) -> pa.Table:
    """Histogram of run lengths per element, inside episodes.

    Args:
        patterns: read once, one episode in memory at a time.

    Returns:
        ``SCHEMA``; ``length`` in control steps, ``count`` the number of such runs.
    """
    info = patterns.info
    histograms = {jacobian: RunHistogram() for jacobian in JACOBIANS}
    steps = 0
    for episode in patterns.episodes():
        steps += len(episode.jacobian_ok)
        for jacobian, histogram in histograms.items():
            runs = run_lengths(
                episode.pattern(jacobian),
                info.elements(jacobian),
                episode.jacobian_ok,
                episode.begins,
            )
            histogram.add(pack_runs(runs))
    parts = [_rows(info, jacobian, histograms[jacobian]) for jacobian in JACOBIANS]
    return with_metadata(pa.concat_tables(parts), "durations", **info.facts(), steps=steps)


def pack_runs(runs: Runs) -> Int[np.ndarray, " runs"]:
    """One sortable number per run: element, zero, cut_start, cut_end, then 32 bits of length."""
    head = ((runs.element * 2 + runs.zero) * 2 + runs.cut_start) * 2 + runs.cut_end
    return (head.astype(np.int64) << 32) | runs.length


def unpack_runs(keys: Int[np.ndarray, " runs"]) -> Runs:
    """What ``pack_runs`` packed."""
    head, length = keys >> 32, keys & 0xFFFFFFFF
    return Runs(
        element=head >> 3,
        zero=(head & 4).astype(bool),
        length=length,
        cut_start=(head & 2).astype(bool),
        cut_end=(head & 1).astype(bool),
    )


class RunHistogram:
    """Counts packed runs, a few million at a time."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._keys = np.empty(0, dtype=np.int64)
        self._counts = np.empty(0, dtype=np.int64)
        self._waiting: list[np.ndarray] = []
        self._size = 0

    def add(self, keys: Int[np.ndarray, " runs"]) -> None:
        """Count the runs of an episode, as ``pack_runs`` gives them."""
        self._waiting.append(keys)
        self._size += len(keys)
        if self._size > BUFFERED_RUNS:
            self._settle()

    def counted(self) -> tuple[Int[np.ndarray, " keys"], Int[np.ndarray, " keys"]]:
        """The distinct keys in rising order, and how often each was added."""
        self._settle()
        return self._keys, self._counts

    def _settle(self) -> None:
        if not self._waiting:
            return
        new, counts = np.unique(np.concatenate(self._waiting), return_counts=True)
        keys, position = np.unique(np.concatenate([self._keys, new]), return_inverse=True)
        total = np.zeros(len(keys), dtype=np.int64)
        np.add.at(total, position, np.concatenate([self._counts, counts]))
        self._keys, self._counts, self._waiting, self._size = keys, total, [], 0


def _rows(info: PatternInfo, jacobian: Jacobian, histogram: RunHistogram) -> pa.Table:
    keys, counts = histogram.counted()
    runs = unpack_runs(keys)
    elements = elements_of(info, jacobian)
    columns = identity_columns(info, len(keys)) | {
        "jacobian": pa.repeat(pa.scalar(jacobian), len(keys)),
        "row": elements.row[runs.element],
        "column": elements.column[runs.element],
        "row_name": elements.row_name[runs.element],
        "column_name": elements.column_name[runs.element],
        "zero": runs.zero,
        "length": runs.length.astype(np.int32),
        "cut_start": runs.cut_start,
        "cut_end": runs.cut_end,
        "count": counts,
    }
    return pa.table(columns, schema=SCHEMA)
