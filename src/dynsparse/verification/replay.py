"""Replay: every stored transition once more, by MJX and by MuJoCo's C engine."""

import numpy as np
import pyarrow as pa

from dynsparse.dataset import Dataset, Episode
from dynsparse.environments import Dynamics, engine_steps
from dynsparse.sparsity.parquet import with_metadata
from dynsparse.sparsity.source import source_name
from dynsparse.verification.differences import Steps

# Rounding of two programs that do the same arithmetic in another order, and of two engines.
SAME_PROGRAM, SAME_TRAJECTORY = 1e-12, 1e-8

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("episode", pa.int32()),
        ("steps", pa.int64()),
        ("replayed", pa.int64()),
        ("max_replay_error", pa.float64()),
        ("engine_replayed", pa.int64()),
        ("converged", pa.int64()),
        ("engine_replayed_converged", pa.int64()),
    ]
)


def replay(dataset: Dataset, dynamics: Dynamics, steps: Steps) -> pa.Table:
    """Step every stored transition again and count those that lead to the stored next state.

    Args:
        dataset: the file under test.
        dynamics: its environment.
        steps: MJX's control step in batches.

    Returns:
        ``SCHEMA``, a row per episode. ``replayed`` counts steps that MJX repeats to 1e-12,
        ``engine_replayed`` those that MuJoCo's C engine repeats to 1e-8; ``converged`` and
        ``engine_replayed_converged`` those among them whose constraint solver was done. Where it
        was cut off, two implementations need not agree. Files of version 1 do not say which: null.
    """
    info = dataset.info
    same = {"environment": info.environment, "behaviour": info.behaviour, "seed": info.seed}
    rows = [{**same, **_counts(episode, dynamics, steps)} for episode in dataset.episodes()]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    steps_in_all = info.episodes * info.steps
    return with_metadata(table, "replay", steps=steps_in_all, sources=[source_name(info)])


def _counts(episode: Episode, dynamics: Dynamics, steps: Steps) -> dict[str, int | float | None]:
    inputs = (episode.state, episode.action, episode.memory)
    error = _largest(steps(*inputs)[0] - episode.next_state)
    model, substeps = dynamics.mj_model, dynamics.substeps
    by_engine = _largest(engine_steps(model, substeps, *inputs) - episode.next_state)
    same = by_engine < SAME_TRAJECTORY
    counts = {
        "episode": episode.index,
        "steps": len(error),
        "replayed": int((error < SAME_PROGRAM).sum()),
        "max_replay_error": float(error.max()),
        "engine_replayed": int(same.sum()),
    }
    converged = episode.solver_converged
    if converged is None:
        return {**counts, "converged": None, "engine_replayed_converged": None}
    both = int((same & converged).sum())
    return {**counts, "converged": int(converged.sum()), "engine_replayed_converged": both}


def _largest(values: np.ndarray) -> np.ndarray:
    return np.abs(values).max(axis=1)
