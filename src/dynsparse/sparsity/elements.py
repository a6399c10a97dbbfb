"""How often each Jacobian element is zero (paper, section 5.1, Table 1 and Figure 3)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from dynsparse.sparsity.parquet import with_metadata
from dynsparse.sparsity.source import (
    JACOBIANS,
    Info,
    Jacobian,
    Source,
    elements_of,
    identity_columns,
    is_zero,
    jacobian_of,
    source_name,
)

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
        ("threshold", pa.float64()),
        ("zeros", pa.int64()),
        ("samples", pa.int64()),
    ]
)


def zeros_per_element(
    values: Float[np.ndarray, "T elements"], thresholds: Sequence[float]
) -> Int[np.ndarray, "thresholds elements"]:
    """In how many of T samples each element is zero, at each threshold."""
    counts = [np.count_nonzero(is_zero(values, threshold), axis=0) for threshold in thresholds]
    return np.array(counts, dtype=np.int64).reshape(len(thresholds), values.shape[1])


def count_elements(dataset: Source, thresholds: Sequence[float]) -> pa.Table:
    """Count in how many samples each element of both Jacobians is zero.

    Args:
        dataset: read once, one episode in memory at a time. Samples whose Jacobian is not finite
            (``jacobian_ok`` is false) are left out of ``zeros`` and ``samples``.
        thresholds: each gives one row per element; zero means ``|x| < threshold``.

    Returns:
        ``SCHEMA``; the metadata's ``steps`` counts all samples, those left out included.
    """
    info = dataset.info
    sizes = {jacobian: len(elements_of(info, jacobian).row) for jacobian in JACOBIANS}
    zeros = {j: np.zeros((len(thresholds), size), dtype=np.int64) for j, size in sizes.items()}
    samples = steps = 0
    for episode in dataset.episodes():
        ok = episode.jacobian_ok
        steps += len(ok)
        samples += int(ok.sum())
        for jacobian in JACOBIANS:
            values = jacobian_of(episode, jacobian)
            values = values if ok.all() else values[ok]
            zeros[jacobian] += zeros_per_element(values, thresholds)
    parts = [_rows(info, j, thresholds, zeros[j], samples) for j in JACOBIANS]
    return with_metadata(
        pa.concat_tables(parts),
        "elements",
        threshold=[float(threshold) for threshold in thresholds],
        control_dt_s=info.control_dt_s,
        steps=steps,
        sources=[source_name(info)],
    )


def _rows(
    info: Info,
    jacobian: Jacobian,
    thresholds: Sequence[float],
    zeros: Int[np.ndarray, "thresholds elements"],
    samples: int,
) -> pa.Table:
    elements = elements_of(info, jacobian)
    rows = zeros.size
    columns = identity_columns(info, rows) | {
        "jacobian": pa.repeat(pa.scalar(jacobian), rows),
        "row": np.tile(elements.row, len(thresholds)),
        "column": np.tile(elements.column, len(thresholds)),
        "row_name": np.tile(elements.row_name, len(thresholds)),
        "column_name": np.tile(elements.column_name, len(thresholds)),
        "threshold": np.repeat(np.asarray(thresholds, dtype=np.float64), zeros.shape[1]),
        "zeros": zeros.ravel(),
        "samples": pa.repeat(pa.scalar(samples, pa.int64()), rows),
    }
    return pa.table(columns, schema=SCHEMA)
