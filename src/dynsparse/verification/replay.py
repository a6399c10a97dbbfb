"""Replay: every stored transition once more, by MJX and by MuJoCo's C engine."""

from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float

from dynsparse.dataset import Dataset, DatasetInfo, Episode
from dynsparse.environments import Dynamics, engine_solves, engine_steps
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
        ("without_jacobian", pa.int64()),
        ("replayed", pa.int64()),
        ("max_replay_error", pa.float64()),
        ("unrepeated", pa.int64()),
        ("unrepeated_by", pa.float64()),
        ("unrepeated_at", pa.string()),
        ("engine_replayed", pa.int64()),
        ("converged", pa.int64()),
        ("engine_replayed_converged", pa.int64()),
        ("engine_compared", pa.int64()),
        ("engine_differs", pa.int64()),
        ("engine_differs_by", pa.float64()),
        ("engine_differs_at", pa.string()),
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

        What no solver explains: ``unrepeated`` steps, which MJX does not repeat to 1e-8 though its
        solver was done, and those of the ``engine_compared`` steps, which both engines solved, in
        which the C engine ``engine_differs``; with the largest difference, and where it is.
    """
    info = dataset.info
    same = {"environment": info.environment, "behaviour": info.behaviour, "seed": info.seed}
    rows = [{**same, **_counts(info, episode, dynamics, steps)} for episode in dataset.episodes()]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    steps_in_all = info.episodes * info.steps
    return with_metadata(table, "replay", steps=steps_in_all, sources=[source_name(info)])


def _counts(
    info: DatasetInfo, episode: Episode, dynamics: Dynamics, steps: Steps
) -> dict[str, Any]:
    inputs = (episode.state, episode.action, episode.memory)
    engine = (dynamics.mj_model, dynamics.substeps)
    again = _differences(steps(*inputs)[0], episode.next_state)
    by_engine = _differences(engine_steps(*engine, *inputs), episode.next_state)
    error, same = again.max(axis=1), by_engine.max(axis=1) < SAME_TRAJECTORY
    converged = episode.solver_converged
    counts = {
        "episode": episode.index,
        "steps": len(error),
        "without_jacobian": int((~episode.jacobian_ok).sum()),
        "replayed": int((error < SAME_PROGRAM).sum()),
        "max_replay_error": float(error.max()),
        "engine_replayed": int(same.sum()),
        "engine_compared": 0,
        "engine_differs": 0,
    }
    # A file that does not say where the solver was done has to repeat everywhere.
    done = np.ones(len(error), bool) if converged is None else converged
    beyond = SAME_TRAJECTORY * np.maximum(1.0, np.abs(episode.next_state).max(axis=1))
    counts |= _worst(info, "unrepeated", episode.index, again, done & ~(error < beyond))
    if converged is None:
        return counts
    differs = np.flatnonzero(converged & ~same)
    solved = engine_solves(*engine, *(values[differs] for values in inputs))
    apart = np.isin(np.arange(len(error)), differs[solved])
    return {
        **counts,
        "converged": int(converged.sum()),
        "engine_replayed_converged": int((same & converged).sum()),
        "engine_compared": int((same & converged).sum() + apart.sum()),
        **_worst(info, "engine_differs", episode.index, by_engine, apart),
    }


def _worst(
    info: DatasetInfo,
    name: str,
    episode: int,
    difference: Float[np.ndarray, "time state"],
    chosen: Bool[np.ndarray, " time"],
) -> dict[str, Any]:
    """How many steps are ``chosen``, and where in them the largest difference is."""
    if not chosen.any():
        return {name: 0}
    within = np.where(chosen[:, None], difference, -1.0)
    step, row = np.unravel_index(within.argmax(), within.shape)
    place = f"seed {info.seed}, episode {episode}, step {step}, {info.state_names[row]}"
    by = float(difference[step, row])
    return {name: int(chosen.sum()), f"{name}_by": by, f"{name}_at": f"{place} by {by:.2g}"}


def _differences(
    after: Float[np.ndarray, "time state"], stored: Float[np.ndarray, "time state"]
) -> Float[np.ndarray, "time state"]:
    """Absolute differences; what is not a number differs without end."""
    return np.nan_to_num(np.abs(after - stored), nan=np.inf)
