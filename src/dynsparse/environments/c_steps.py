"""Control steps of MuJoCo's C engine, the independent implementation of the simulator."""

import os
import zlib
from collections.abc import Callable
from typing import TypeVar

import mujoco
import numpy as np
from jaxtyping import Bool, Float
from mujoco import rollout

from dynsparse.mjx_internals import REACHED_SHARE

Seen = TypeVar("Seen")


def engine_steps(
    model: mujoco.MjModel,
    substeps: int,
    state: Float[np.ndarray, "samples state"],
    action: Float[np.ndarray, "samples action"],
    memory: Float[np.ndarray, "samples nv"],
) -> Float[np.ndarray, "samples state"]:
    """Next states after one control step each, on all cores.

    Args:
        model: the environment's model.
        substeps: simulator steps per control step.
        state: (qpos, qvel).
        action: controls, held over the control step.
        memory: the solver's warm start before the step.
    """
    time = np.zeros((len(state), 1))
    result, _ = rollout.rollout(
        model,
        [mujoco.MjData(model) for _ in range(len(os.sched_getaffinity(0)))],
        np.concatenate([time, state], axis=1),
        np.repeat(action[:, None], substeps, axis=1),
        initial_warmstart=memory,
    )
    return result[:, -1, 1 : 1 + model.nq + model.nv]


def observed_engine_steps(
    model: mujoco.MjModel,
    substeps: int,
    observe: Callable[[mujoco.MjData], Seen],
    state: Float[np.ndarray, "samples state"],
    action: Float[np.ndarray, "samples action"],
    memory: Float[np.ndarray, "samples nv"],
) -> tuple[Float[np.ndarray, "samples state"], list[list[Seen]]]:
    """As ``engine_steps``, on one core, with what ``observe`` sees after each simulator step."""
    data = mujoco.MjData(model)

    def step() -> Seen:
        mujoco.mj_step(model, data)
        return observe(data)

    after, seen = np.empty_like(state, float), []
    for sample, start in enumerate(state):
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:] = np.split(start, [model.nq])
        data.ctrl[:] = action[sample]
        data.qacc_warmstart[:] = memory[sample]
        seen.append([step() for _ in range(substeps)])
        after[sample] = np.concatenate([data.qpos, data.qvel])
    return after, seen


def engine_solves(
    model: mujoco.MjModel,
    substeps: int,
    state: Float[np.ndarray, "samples state"],
    action: Float[np.ndarray, "samples action"],
    memory: Float[np.ndarray, "samples nv"],
) -> Bool[np.ndarray, " samples"]:
    """Whether the C engine's solver reached the optimum in every simulator step.

    Reached means: another Newton iteration would improve the scaled cost by less than
    ``REACHED_SHARE`` of the solver's tolerance, as it does for MJX. What it would improve is at
    most half the gradient's square by the inverse of the inertia, since constraints only make the
    cost steeper.
    """
    gradient, step = np.empty(model.nv), np.empty((1, model.nv))
    scale = model.stat.meaninertia * max(1, model.nv)

    def solved(data: mujoco.MjData) -> bool:
        mujoco.mj_mulM(model, data, gradient, data.qacc)
        gradient[:] -= data.qfrc_smooth + data.qfrc_constraint
        mujoco.mj_solveM(model, data, step, gradient[None])
        return float(gradient @ step[0]) / (2 * scale) < REACHED_SHARE * model.opt.tolerance

    _, seen = observed_engine_steps(model, substeps, solved, state, action, memory)
    return np.array([all(each) for each in seen], bool)


def acting(data: mujoco.MjData) -> int:
    """A fingerprint of the constraints there are after a step, and the state of each.

    The step is smooth piece by piece; this is by what differences tell the pieces apart.
    """
    fingerprint = 0
    for rows in (data.efc_type, data.efc_id, data.efc_state):
        fingerprint = zlib.crc32(rows.tobytes(), fingerprint)
    return fingerprint
