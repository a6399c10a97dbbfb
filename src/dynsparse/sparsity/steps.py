"""How sparse the Jacobians are at every step (paper, section 5.2, Figures 5 and 6)."""

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from dynsparse.sparsity.parquet import with_metadata
from dynsparse.sparsity.source import (
    Episode,
    Info,
    Jacobian,
    Source,
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
        ("episode", pa.int32()),
        ("step", pa.int32()),
        ("time_s", pa.float64()),
        ("reward", pa.float64()),
        ("jacobian_ok", pa.bool_()),
        ("state_zeros", pa.int32()),
        ("action_zeros", pa.int32()),
        ("state_elements", pa.int32()),
        ("action_elements", pa.int32()),
        ("contacts", pa.int32()),
    ]
)


def measure_steps(dataset: Source, threshold: float) -> pa.Table:
    """Zero elements of both Jacobians at every step, with reward and number of contacts.

    Args:
        dataset: read once, one episode in memory at a time.
        threshold: zero means ``|x| < threshold``.

    Returns:
        ``SCHEMA``; ``time_s`` is the time of the state the step starts from, since the episode's
        start. The zeros of a sample whose Jacobian is not finite are null.
    """
    info = dataset.info
    parts = [_rows(info, episode, threshold) for episode in dataset.episodes()]
    table = pa.concat_tables(parts) if parts else SCHEMA.empty_table()
    return with_metadata(
        table,
        "steps",
        threshold=float(threshold),
        control_dt_s=info.control_dt_s,
        steps=table.num_rows,
        sources=[source_name(info)],
    )


def _rows(info: Info, episode: Episode, threshold: float) -> pa.Table:
    steps = len(episode.reward)
    number = np.arange(steps, dtype=np.int32)
    outputs = len(info.state_names)
    columns = identity_columns(info, steps) | {
        "episode": pa.repeat(pa.scalar(episode.index, pa.int32()), steps),
        "step": number,
        "time_s": number * info.control_dt_s,
        "reward": np.asarray(episode.reward, dtype=np.float64),
        "jacobian_ok": episode.jacobian_ok,
        "state_zeros": _zeros(episode, "state", threshold),
        "action_zeros": _zeros(episode, "action", threshold),
        "state_elements": pa.repeat(pa.scalar(outputs * outputs, pa.int32()), steps),
        "action_elements": pa.repeat(
            pa.scalar(outputs * len(info.action_names), pa.int32()), steps
        ),
        "contacts": np.count_nonzero(episode.contact, axis=1).astype(np.int32),
    }
    return pa.table(columns, schema=SCHEMA)


def _zeros(episode: Episode, jacobian: Jacobian, threshold: float) -> pa.Array:
    counts: Int[np.ndarray, " T"] = np.count_nonzero(
        is_zero(jacobian_of(episode, jacobian), threshold), axis=1
    )
    return pa.array(counts.astype(np.int32), mask=~episode.jacobian_ok)
