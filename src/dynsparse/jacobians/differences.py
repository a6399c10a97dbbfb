"""Jacobians by MuJoCo's C engine: differences of whole control steps, for machines without a GPU.

The step and what is recorded of it are MJX's as ever; the C engine has to repeat it.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dynsparse.environments import Dynamics, engine_steps
from dynsparse.jacobians.methods import Linearisation

# Half the width of the central differences. Rounding leaves some 1e-16 / 1e-5, of velocities of
# some hundred 1e-9, and curvature (1e-5)^2 (docs/which-method.md has the measurement).
WIDTH = 1e-5
# Where the two engines differ by more, the one's derivative says nothing about the other.
SAME_STEP = 1e-8


def engine_linearisations(dynamics: Dynamics) -> Callable[..., Linearisation]:
    """A function of a batch of states, actions and memories, which uses all cores.

    Jacobians are not a number in samples whose step the C engine does not repeat to 1e-8: where
    the solver is cut off, or a small capsule touches (docs/mjx.md).
    """
    recorded = jax.jit(jax.vmap(dynamics.recorded_step))

    def linearisations(*inputs: np.ndarray) -> Linearisation:
        next_state, record = recorded(*inputs)
        by_state, by_action = _differences(dynamics, np.asarray(next_state), *inputs)
        return Linearisation(next_state, jnp.asarray(by_state), jnp.asarray(by_action), record)

    return linearisations


def _differences(
    dynamics: Dynamics,
    next_state: Float[np.ndarray, "samples state"],
    state: Float[np.ndarray, "samples state"],
    action: Float[np.ndarray, "samples action"],
    memory: Float[np.ndarray, "samples nv"],
) -> tuple[Float[np.ndarray, "samples state state"], Float[np.ndarray, "samples state action"]]:
    steps = partial(engine_steps, dynamics.mj_model, dynamics.substeps)
    repeated = np.abs(steps(state, action, memory) - next_state).max(axis=1) < SAME_STEP
    inputs = np.concatenate([state, action], axis=1)
    samples, columns = inputs.shape
    # All samples moved along one input after the other, up and down: one call on all cores.
    shifts = WIDTH * np.eye(columns)[:, None]
    moved = np.concatenate([inputs + shifts, inputs - shifts]).reshape(-1, columns)
    states, actions = np.split(moved, [state.shape[1]], axis=1)
    after = steps(states, actions, np.tile(memory, (2 * columns, 1)))
    up, down = after.reshape(2, columns, samples, -1)
    jacobian = np.moveaxis((up - down) / (2 * WIDTH), 0, -1)
    jacobian[~repeated] = np.nan
    by_state, by_action = np.split(jacobian, [state.shape[1]], axis=2)
    return by_state, by_action
