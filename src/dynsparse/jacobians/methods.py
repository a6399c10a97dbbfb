"""Forward-mode Jacobians; the methods differ in how they see the constraint solver.

``unrolled`` differentiates the solver's loop as it ran (the paper's way, wrong where the loop
stops early); ``implicit`` differentiates the optimum that it looks for (wrong where the loop
is cut off before); ``hybrid`` decides at every call of the solver.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from mujoco import mjx

from dynsparse import mjx_internals
from dynsparse.environments.dynamics import (
    Action,
    Dynamics,
    Memory,
    State,
    StepRecord,
    joint_record,
)
from dynsparse.environments.playground import Solver
from dynsparse.errors import DynsparseError
from dynsparse.precision import precision


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

    All is computed in ``dynamics.dtype``.

    Args:
        dynamics: the environment's step.
        method: a name of ``METHODS``.
        state: the state (qpos, qvel).
        action: the controls.
        memory: the solver's warm start.
    """
    with precision(dynamics.dtype):
        inputs = (jnp.asarray(x, dynamics.dtype) for x in (state, action, memory))
        return METHODS[method](dynamics, *inputs)


def _through_solver(
    rule: mjx_internals.SolveRule,
    dynamics: Dynamics,
    state: State,
    action: Action,
    memory: Memory,
) -> Linearisation:
    """Tangents of state and action pushed through all simulator steps of the control step."""

    def step(state: State, action: Action) -> tuple[State, tuple[State, StepRecord]]:
        next_state, record = dynamics.recorded_step(state, action, memory)
        return next_state, (next_state, record)

    with mjx_internals.solver_rule(rule):
        derive = jax.jacfwd(step, (0, 1), has_aux=True)
        (by_state, by_action), (next_state, record) = derive(state, action)
    return Linearisation(next_state, by_state, by_action, record)


def _step_by_step(
    dynamics: Dynamics, state: State, action: Action, memory: Memory
) -> Linearisation:
    """The product of the simulator steps' Jacobians, with the derivative of the solver's optimum.

    The optimum does not depend on the warm start, so that a simulator step passes on derivatives
    by its state alone, and the chain rule is a product of small matrices.
    """

    def observe(before: mjx.Data, after: mjx.Data) -> tuple[StepRecord, Any]:
        return dynamics.record(before, after), _simulator_jacobians(dynamics, before, after)

    next_state, _, (records, factors) = dynamics.observed_step(state, action, memory, observe)
    (by_state, by_action), *later = zip(*factors, strict=True)
    for by_substate, by_control in later:
        by_state, by_action = by_substate @ by_state, by_substate @ by_action + by_control
    return Linearisation(next_state, by_state, by_action, joint_record(records))


def _simulator_jacobians(
    dynamics: Dynamics, data: mjx.Data, after: mjx.Data
) -> tuple[Float[Array, "state state"], Float[Array, "state action"]]:
    """Derivatives of the simulator step from ``data`` to ``after``, by state and controls.

    Positions, velocities and controls are moved apart: most of a step (poses, inertias, contacts)
    depends on positions alone, and is not differentiated for the others.
    """

    def step(qpos: Array, qvel: Array, ctrl: Array) -> State:
        with mjx_internals.solver_rule(mjx_internals.known_solution(after)):
            moved = data.replace(qpos=qpos, qvel=qvel, ctrl=ctrl)
            return dynamics.to_state(dynamics.simulator_step(moved))

    inputs = (data.qpos, data.qvel, data.ctrl)
    by_qpos = jax.jacfwd(step, 0)(*inputs)
    by_qvel, by_ctrl = jax.jacfwd(step, (1, 2))(*inputs)
    return jnp.concatenate([by_qpos, by_qvel], axis=1), by_ctrl


METHODS: dict[str, Callable[[Dynamics, State, Action, Memory], Linearisation]] = {
    "unrolled": partial(_through_solver, mjx_internals.unrolled_solve),
    "implicit": _step_by_step,
    "hybrid": partial(_through_solver, mjx_internals.hybrid_solve),
}
