"""Control steps of many samples on MJX, a batch at a time, without derivatives."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int8
from mujoco import mjx

from dynsparse import mjx_internals
from dynsparse.environments.dynamics import Action, Dynamics, Memory, State
from dynsparse.environments.identity import simulator_identity
from dynsparse.jacobians.batches import few, in_batches
from dynsparse.precision import in_precision
from dynsparse.programs import kept

# Samples simulated together: one shape, hence one program, whoever asks and for how many.
BATCH = 128
# For no more samples than these it does not pay that XLA compiles as well as it can.
FEW = 20_000


class Stepped(NamedTuple):
    """Control steps of some samples.

    Attributes:
        next_state: the states after them.
        memory: the solver's warm start for the steps that follow.
        pieces: the piece of the dynamics that each solve of the simulator steps was on.
    """

    next_state: Float[np.ndarray, "samples state"]
    memory: Float[np.ndarray, "samples nv"]
    pieces: Int8[np.ndarray, "samples solves rows"]


def batched_steps(dynamics: Dynamics, samples: int | None = None) -> Callable[..., Stepped]:
    """A function that steps any number of samples, from arrays of states, actions and memories.

    Args:
        dynamics: the environment's step.
        samples: how many there are in all, by which it is decided how long XLA may compile
            (results differ by rounding); None: many.
    """

    def observe(_: mjx.Data, solves: Sequence[mjx.Data]) -> jax.Array:
        return jnp.stack([mjx_internals.pieces(dynamics.mj_model, after) for after in solves])

    def observed(state: State, action: Action, memory: Memory) -> tuple[State, Memory, jax.Array]:
        following, memory, pieces = dynamics.observed_step(state, action, memory, observe)
        substeps, solves, rows = pieces.shape
        return following, memory, pieces.reshape(substeps * solves, rows)

    quickly = few(dynamics, samples, FEW)
    name, identity = f"{dynamics.name}-steps", simulator_identity(dynamics)
    program = kept(name, __name__, jax.vmap(observed), identity, quickly)
    in_its_own = in_precision(dynamics.dtype, program)
    return lambda *inputs: Stepped(*in_batches(in_its_own, inputs, BATCH))
