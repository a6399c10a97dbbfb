"""Forward-mode Jacobians; the methods differ in how they see the constraint solver.

``unrolled`` differentiates the solver's loop as it ran (the paper's way, wrong where the loop
stops early); ``implicit`` differentiates the optimum that it looks for (wrong where the loop
is cut off before); ``hybrid`` decides at every call of the solver.
"""

from typing import NamedTuple

import jax
from jaxtyping import Array, Float

from dynsparse import mjx_internals
from dynsparse.environments.dynamics import Action, Dynamics, Memory, State, StepRecord
from dynsparse.environments.playground import Solver
from dynsparse.errors import DynsparseError


class Linearisation(NamedTuple):
    """A control step and its derivative at one sample.

    Attributes:
        next_state: the state after the step.
        state_jacobian: row i, column j is d next_state[i] / d state[j].
        action_jacobian: row i, column j is d next_state[i] / d action[j].
        record: the solver's memory, and what touched and pushed.
    """

    next_state: State
    state_jacobian: Float[Array, "state state"]
    action_jacobian: Float[Array, "state action"]
    record: StepRecord


METHODS = {
    "unrolled": mjx_internals.unrolled_solve,
    "implicit": mjx_internals.implicit_solve,
    "hybrid": mjx_internals.hybrid_solve,
}


# Differences on MuJoCo's C engine, see ``dynsparse.jacobians.by_engine``.
ENGINE = "mujoco_c"

# Where verification finds a cheaper method right than the hybrid, which is right everywhere. As
# shipped, BallInCup's solver makes one iteration: nothing is gained by asking for the optimum.
CHEAPEST = {("BallInCup", "as_shipped"): "unrolled"}


def resolve_method(method: str, environment: str, solver: Solver) -> str:
    """The name of the method itself; ``auto`` stands for the cheapest that is right there.

    Raises:
        DynsparseError: there is no such method.
    """
    if method == "auto":
        return CHEAPEST.get((environment, solver), "hybrid")
    known = (*METHODS, ENGINE)
    if method not in known:
        raise DynsparseError(f"jacobian.method {method!r} is none of auto, {', '.join(known)}")
    return method


def linearise(
    dynamics: Dynamics, method: str, state: State, action: Action, memory: Memory
) -> Linearisation:
    """Step and Jacobians at one sample, by automatic differentiation; ``memory`` is held fixed.

    Args:
        dynamics: the environment's step.
        method: a name of ``METHODS``.
        state: the state (qpos, qvel).
        action: the controls.
        memory: the solver's warm start.
    """

    def step(state: State, action: Action) -> tuple[State, tuple[State, StepRecord]]:
        next_state, record = dynamics.recorded_step(state, action, memory)
        return next_state, (next_state, record)

    with mjx_internals.solver_rule(METHODS[method]):
        derive = jax.jacfwd(step, (0, 1), has_aux=True)
        (by_state, by_action), (next_state, record) = derive(state, action)
    return Linearisation(next_state, by_state, by_action, record)
