"""Replay: every stored transition once more, by MJX and by MuJoCo's C engine."""

from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float

from dynsparse.dataset import Dataset, DatasetInfo, Episode
from dynsparse.environments import Dynamics, engine_solves, engine_steps
from dynsparse.sparsity.source import source_name
from dynsparse.storage.tables import with_metadata
from dynsparse.verification.differences import ROUNDING, Steps
from dynsparse.verification.episodes import other_flags, trajectory

# Rounding of two programs that do the same arithmetic in another order, and of two engines.
SAME_PROGRAM, SAME_TRAJECTORY = 1e-12, 1e-8
# How often a step's inputs are moved by rounding, and how many times as far as its results then
# scatter it may be from what is stored.
TRIES, SCATTER = 16, 10

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
        ("unsteady", pa.int64()),
        ("unsteady_by", pa.float64()),
        ("unsteady_at", pa.string()),
        ("engine_replayed", pa.int64()),
        ("converged", pa.int64()),
        ("engine_replayed_converged", pa.int64()),
        ("engine_compared", pa.int64()),
        ("engine_differs", pa.int64()),
        ("engine_differs_by", pa.float64()),
        ("engine_differs_at", pa.string()),
        ("broken", pa.int64()),
        ("other_flags", pa.int64()),
        ("other_flags_at", pa.string()),
        ("trajectory", pa.string()),
        ("refused", pa.string()),
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

        Steps that MJX does not repeat to 1e-8 are ``unsteady`` if their solver was cut off and
        inputs moved by rounding scatter the next state as far; all others are ``unrepeated``. Of
        the ``engine_compared`` steps, which both engines solved, there are those in which the C
        engine ``engine_differs``. Each has the largest difference, and where it is.

        ``broken`` counts steps that do not start where the last one ended, ``other_flags`` those
        whose flags are not what pushed, and ``trajectory`` is a digest of where an episode began
        and what was done in it (``dynsparse.verification.episodes``). ``refused`` is null here:
        it is of files made on the C engine (``dynsparse.c_engine.verified_tables``).
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
    after, pieces = steps(episode.state, episode.action, episode.memory)
    flags = other_flags(episode.contact, episode.constraint_active, pieces, dynamics.mj_model)
    return {
        "episode": episode.index,
        "steps": len(after),
        "without_jacobian": int((~episode.jacobian_ok).sum()),
        **_by_mjx(info, episode, after, steps),
        **_by_engine(info, episode, dynamics),
        "broken": len(episode.broken_steps(dynamics.robot)),
        "other_flags": len(flags),
        "other_flags_at": _place(info, episode.index, int(flags[0])) if len(flags) else None,
        "trajectory": trajectory(episode),
    }


def _by_mjx(
    info: DatasetInfo, episode: Episode, after: Float[np.ndarray, "time state"], steps: Steps
) -> dict[str, Any]:
    again = _differences(after, episode.next_state)
    error, converged = again.max(axis=1), episode.solver_converged
    beyond = SAME_TRAJECTORY * np.maximum(1.0, np.abs(episode.next_state).max(axis=1))
    other = ~(error < beyond)
    # A file that does not say where the solver was done has to repeat everywhere.
    unsteady = np.zeros(len(error), bool) if converged is None else other & ~converged
    cut_off = np.flatnonzero(unsteady)
    inputs = tuple(values[cut_off] for values in (episode.state, episode.action, episode.memory))
    unsteady[cut_off] = error[cut_off] <= SCATTER * _scatter(steps, inputs, after[cut_off])
    return {
        "replayed": int((error < SAME_PROGRAM).sum()),
        "max_replay_error": float(error.max()),
        **_worst(info, "unrepeated", episode.index, again, other & ~unsteady),
        **_worst(info, "unsteady", episode.index, again, unsteady),
    }


def _scatter(
    steps: Steps, inputs: tuple[np.ndarray, ...], after: Float[np.ndarray, "samples state"]
) -> Float[np.ndarray, " samples"]:
    """How far next states move with inputs that are moved by rounding.

    A solver that is cut off may end elsewhere for rounding alone, which differs from one compiled
    program to another; then no program repeats the other's step.
    """
    if not len(after):
        return np.zeros(0)
    rng, scatter = np.random.default_rng(0), np.zeros(len(after))
    for _ in range(TRIES):
        near = (
            x + ROUNDING * np.finfo(x.dtype).eps * np.maximum(1, np.abs(x)) * shift
            for x in inputs
            for shift in [rng.uniform(-1, 1, x.shape)]
        )
        scatter = np.maximum(scatter, np.abs(steps(*near)[0] - after).max(axis=1))
    return scatter


def _by_engine(info: DatasetInfo, episode: Episode, dynamics: Dynamics) -> dict[str, Any]:
    inputs = (episode.state, episode.action, episode.memory)
    engine, converged = (dynamics.mj_model, dynamics.substeps), episode.solver_converged
    difference = _differences(engine_steps(*engine, *inputs), episode.next_state)
    same = difference.max(axis=1) < SAME_TRAJECTORY
    if converged is None:
        return {"engine_replayed": int(same.sum()), "engine_compared": 0, "engine_differs": 0}
    differs = np.flatnonzero(converged & ~same)
    solved = engine_solves(*engine, *(values[differs] for values in inputs))
    apart = np.isin(np.arange(len(same)), differs[solved])
    return {
        "engine_replayed": int(same.sum()),
        "converged": int(converged.sum()),
        "engine_replayed_converged": int((same & converged).sum()),
        "engine_compared": int((same & converged).sum() + apart.sum()),
        **_worst(info, "engine_differs", episode.index, difference, apart),
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
    by = float(difference[step, row])
    place = f"{_place(info, episode, int(step))}, {info.state_names[row]} by {by:.2g}"
    return {name: int(chosen.sum()), f"{name}_by": by, f"{name}_at": place}


def _place(info: DatasetInfo, episode: int, step: int) -> str:
    return f"seed {info.seed}, episode {episode}, step {step}"


def _differences(
    after: Float[np.ndarray, "time state"], stored: Float[np.ndarray, "time state"]
) -> Float[np.ndarray, "time state"]:
    """Absolute differences; what is not a number differs without end."""
    return np.nan_to_num(np.abs(after - stored), nan=np.inf)
