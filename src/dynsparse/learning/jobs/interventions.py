"""The interventions of one environment and behaviour: test samples moved, and stepped once."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float

from dynsparse.environments import load, observed_engine_steps
from dynsparse.environments.playground import Solver
from dynsparse.errors import DynsparseError
from dynsparse.learning.data.interventions import as_rows, move_inputs, recorded
from dynsparse.learning.data.preparation import Prepared, divisions, environment_of, prepare
from dynsparse.running.console import progress
from dynsparse.storage.tables import with_metadata


def intervene(paths: Sequence[Path | str], section: Mapping[str, Any], solver: Solver) -> pa.Table:
    """Move every input of the test samples of every split, one at a time.

    Steps are MuJoCo's C engine's, so that nothing is compiled. Controls stay within their range:
    beyond it the simulator clips them, and nothing moves whatever they are.

    Args:
        paths: as ``prepare``.
        section: as ``prepare``.
        solver: the constraint solver's settings that the files were made with.

    Returns:
        ``interventions.SCHEMA``, a row for each move of each test sample.

    Raises:
        DynsparseError: as ``prepare``; or the C engine repeats no step.
    """
    dynamics = load(environment_of(paths), solver)
    steps = partial(_steps, dynamics.mj_model, dynamics.substeps)
    allowed = _allowed(dynamics.mj_model)
    tables, sources = [], dict[str, None]()
    asked = divisions(paths, section)
    with progress(len(asked), f"interventions {dynamics.name}", "split") as bar:
        for division in asked:
            prepared = prepare(paths, section, division)
            sources |= dict.fromkeys(prepared.origin.sources)
            here = recorded(paths, prepared, section["evaluation"]["samples"])
            scale, varies = prepared.scaler.input_scale, _varies(prepared)
            try:
                moves = move_inputs(steps, here, scale, varies, allowed, division.number)
            except DynsparseError as error:
                raise DynsparseError(f"{dynamics.name}, split {division}: {error}") from None
            tables.append(as_rows(moves, prepared))
            bar.update(1)
    return with_metadata(pa.concat_tables(tables), "interventions", sources=list(sources))


def _steps(
    model: mujoco.MjModel,
    substeps: int,
    state: Float[np.ndarray, "samples state"],
    action: Float[np.ndarray, "samples action"],
    memory: Float[np.ndarray, "samples nv"],
) -> tuple[Float[np.ndarray, "samples state"], Bool[np.ndarray, " samples"]]:
    """Next states, and which are any: MuJoCo warns, and resets, where it blows up."""

    def warned(data: mujoco.MjData) -> bool:
        return bool(data.warning.number.any())

    after, seen = observed_engine_steps(model, substeps, warned, state, action, memory)
    quiet = np.array([not any(each) for each in seen], bool)
    return after, quiet & (np.abs(after) <= mujoco.mjMAXVAL).all(axis=1)


def _allowed(model: mujoco.MjModel) -> Float[np.ndarray, "2 inputs"]:
    """The lowest and the highest value of each input: only controls may have any."""
    low, high = model.actuator_ctrlrange.T
    limited = model.actuator_ctrllimited.astype(bool)
    free = np.full(model.nq + model.nv, np.inf)
    lowest = np.concatenate([-free, np.where(limited, low, -np.inf)])
    highest = np.concatenate([free, np.where(limited, high, np.inf)])
    return np.stack([lowest, highest])


def _varies(prepared: Prepared) -> Bool[np.ndarray, " inputs"]:
    """Which inputs have a standard deviation in training, that of the normalised ones being 1."""
    train = prepared.samples.inputs[prepared.split.train]
    return np.asarray(train.std(axis=0, dtype=np.float64) > 0.5)
