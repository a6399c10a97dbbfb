"""Durations of all elements together, episode by episode, seen at every n-th step only."""

import numpy as np
import pyarrow as pa
from jaxtyping import Bool

from dynsparse.sparsity.durations import RunHistogram, pack_runs, run_lengths, unpack_runs
from dynsparse.sparsity.patterns import PatternSource
from dynsparse.sparsity.source import JACOBIANS, identity_columns
from dynsparse.storage.tables import with_metadata

STRIDES = (1, 2, 4, 8, 16)

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("episode", pa.int32()),
        ("jacobian", pa.string()),
        ("stride", pa.int32()),
        ("zero", pa.bool_()),
        ("length", pa.int32()),
        ("cut_start", pa.bool_()),
        ("cut_end", pa.bool_()),
        ("count", pa.int64()),
    ]
)


def measure_strides(patterns: PatternSource) -> pa.Table:
    """Histogram of run lengths over all elements of a Jacobian, at coarser and coarser steps.

    What an observer sees who looks at every n-th step: he misses what is shorter, and so what he
    sees lasts longer in seconds, whatever switches. See ``dynsparse.sparsity.survival.memoryless``.

    Args:
        patterns: read once, one episode in memory at a time.

    Returns:
        ``SCHEMA``: ``length`` in steps of ``stride`` control steps.
    """
    info = patterns.info
    histograms = {(j, stride): RunHistogram() for j in JACOBIANS for stride in STRIDES}
    steps = 0
    for episode in patterns.episodes():
        steps += len(episode.jacobian_ok)
        for (jacobian, stride), histogram in histograms.items():
            pattern, ok = episode.pattern(jacobian)[::stride], episode.jacobian_ok[::stride]
            begins = _seen_every(stride, episode.begins)
            runs = run_lengths(pattern, info.elements(jacobian), ok, begins)
            # The episode takes the place of the element: all elements are counted together.
            merged = runs._replace(element=np.full_like(runs.element, episode.index))
            histogram.add(pack_runs(merged))
    parts = []
    for (jacobian, stride), histogram in histograms.items():
        keys, counts = histogram.counted()
        runs = unpack_runs(keys)
        columns = identity_columns(info, len(keys)) | {
            "episode": runs.element.astype(np.int32),
            "jacobian": pa.repeat(pa.scalar(jacobian), len(keys)),
            "stride": pa.repeat(pa.scalar(stride, pa.int32()), len(keys)),
            "zero": runs.zero,
            "length": runs.length.astype(np.int32),
            "cut_start": runs.cut_start,
            "cut_end": runs.cut_end,
            "count": counts,
        }
        parts.append(pa.table(columns, schema=SCHEMA))
    return with_metadata(pa.concat_tables(parts), "strides", **info.facts(), steps=steps)


def _seen_every(stride: int, begins: Bool[np.ndarray, " T"]) -> Bool[np.ndarray, " seen"]:
    """For every step that is looked at, whether something began since the last one."""
    since = np.cumsum(begins)[::stride]
    return np.diff(since, prepend=since[:1]) > 0
