"""Control steps of MuJoCo's C engine, the independent implementation of the simulator."""

import os

import mujoco
import numpy as np
from jaxtyping import Float
from mujoco import rollout


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
