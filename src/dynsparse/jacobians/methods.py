"""Forward-mode Jacobians; the methods differ in how they see the constraint solver.

``unrolled`` differentiates the solver's loop as it ran (the paper's way, wrong where the loop
stops early); ``implicit`` differentiates the optimum that it looks for (wrong where the loop
is cut off before); ``hybrid`` decides at every call of the solver.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
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


# Differences on MuJoCo's C engine, see ``dynsparse.jacobians.differences``.
ENGINE = "mujoco_c"


def resolve_method(method: str, offered: Sequence[str] = Dynamics.methods) -> str:
    """The name of the method itself; ``auto`` stands for the one that is right everywhere.

    Args:
        method: a name, or ``auto``.
        offered: the methods of the dynamics in question; ``auto`` is the first.

    Raises:
        DynsparseError: there is no such method.
    """
    if method == "auto":
        return offered[0]
    if method not in offered:
        raise DynsparseError(f"jacobian.method {method!r} is none of auto, {', '.join(offered)}")
    return method


def linearise(
    dynamics: Dynamics, method: str, state: State, action: Action, memory: Memory
) -> Linearisation:
    """Step and Jacobians at one sample, by automatic differentiation; ``memory`` is held fixed.

    All is computed in ``dynamics.dtype``.

    Args:
        dynamics: the environment's step.
        method: a name of ``METHODS``, or ``QUICK_HYBRID``.
        state: the state (qpos, qvel).
        action: the controls.
        memory: the solver's warm start.
    """
    with precision(dynamics.dtype):
        inputs = (jnp.asarray(x, dynamics.dtype) for x in (state, action, memory))
        return _PROGRAMS[method](dynamics, *inputs)


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


Searches = Callable[[], AbstractContextManager[None]]
Solving = Callable[[Sequence[mjx.Data]], AbstractContextManager[None]]


def _step_by_step(
    solving: Solving,
    with_memory: bool,
    dynamics: Dynamics,
    state: State,
    action: Action,
    memory: Memory,
) -> Linearisation:
    """The product of the simulator steps' Jacobians.

    A simulator step hands on its state, and the memory where the derivative depends on it: the
    solver's optimum does not, what its loop makes of a start does.

    Args:
        solving: given what the solves of a simulator step led to, the context to differentiate in.
        with_memory: whether derivatives are passed on by the memory too.
        dynamics: the environment's step.
        state: the state (qpos, qvel).
        action: the controls.
        memory: the solver's warm start, held fixed.
    """

    def observe(before: mjx.Data, solves: Sequence[mjx.Data]) -> tuple[StepRecord, Any]:
        factors = _simulator_jacobians(solving, with_memory, dynamics, before, solves)
        return dynamics.record(before, solves), factors

    next_state, _, (records, factors) = dynamics.observed_step(state, action, memory, observe)
    (by_state, by_action), *later = zip(*factors, strict=True)
    size = len(state)
    by_state = by_state[:, :size]
    for by_handed_on, by_control in later:
        by_state, by_action = by_handed_on @ by_state, by_handed_on @ by_action + by_control
    return Linearisation(next_state, by_state[:size], by_action[:size], joint_record(records))


def _simulator_jacobians(
    solving: Solving,
    with_memory: bool,
    dynamics: Dynamics,
    data: mjx.Data,
    solves: Sequence[mjx.Data],
) -> tuple[Float[Array, "handed_on handed_on"], Float[Array, "handed_on action"]]:
    """Derivatives of the simulator step from ``data``, by what it is handed.

    Positions are moved apart from the rest: most of a step (poses, inertias, contacts) depends on
    positions alone, and is not differentiated for the others.
    """

    def step(qpos: Array, qvel: Array, memory: Memory, ctrl: Array) -> Float[Array, " handed_on"]:
        moved = data.replace(qpos=qpos, qvel=qvel, qacc_warmstart=memory, ctrl=ctrl)
        with solving(solves):
            then = dynamics.simulator_step(moved)
        state = dynamics.to_state(then)
        return jnp.concatenate([state, then.qacc_warmstart]) if with_memory else state

    inputs = (data.qpos, data.qvel, data.qacc_warmstart, data.ctrl)
    by_qpos = jax.jacfwd(step, 0)(*inputs)
    *by_rest, by_ctrl = jax.jacfwd(step, (1, 2, 3) if with_memory else (1, 3))(*inputs)
    return jnp.concatenate([by_qpos, *by_rest], axis=1), by_ctrl


@contextmanager
def _call_by_call(searches: Searches, _: Sequence[mjx.Data]) -> Iterator[None]:
    rule = mjx_internals.solver_rule(mjx_internals.hybrid_solve)
    with rule, mjx_internals.solves_by_products(), searches():
        yield


_Method = Callable[[Dynamics, State, Action, Memory], Linearisation]

METHODS: dict[str, _Method] = {
    "unrolled": partial(_through_solver, mjx_internals.unrolled_solve),
    "implicit": partial(_step_by_step, mjx_internals.known_solutions, False),
    "hybrid": partial(_step_by_step, partial(_call_by_call, nullcontext), True),
}
# The hybrid that takes a line search for the minimum that it looks for: faster, and not a number
# in the rare sample in which one was cut off before.
QUICK_HYBRID = "quick hybrid"
_PROGRAMS = METHODS | {
    QUICK_HYBRID: partial(
        _step_by_step, partial(_call_by_call, mjx_internals.searches_by_their_minimum), True
    )
}
