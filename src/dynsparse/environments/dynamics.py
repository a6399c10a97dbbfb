"""The step of an environment as a pure function of state, action and solver memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jaxtyping import Array, Bool, Float
from mujoco import mjx

from dynsparse import mjx_internals
from dynsparse.environments import names
from dynsparse.environments.playground import Solver, playground_environment
from dynsparse.environments.returns import check_returns
from dynsparse.environments.simulator_input import SimulatorInput, caught_inputs, only_input
from dynsparse.errors import DynsparseError
from dynsparse.precision import Precision, precision
from dynsparse.suite import DM_CONTROL_SUITE, OWN, begins_again, suite_of

State = Float[Array, " state"]
Action = Float[Array, " action"]
Memory = Float[Array, " nv"]
Observe = Callable[[mjx.Data, Sequence[mjx.Data]], Any]


class StepRecord(NamedTuple):
    """What one control step was like, beside where it led.

    Attributes:
        memory: the solver's warm start for the next step.
        contact: which geom pairs touched in any simulator step of the control step.
        constraint_active: which friction losses slid and which limits pushed, likewise.
        solver_converged: whether the constraint solver was done in every simulator step.
    """

    memory: Memory
    contact: Bool[Array, " pairs"]
    constraint_active: Bool[Array, " rows"]
    solver_converged: Bool[Array, ""]


@dataclass(frozen=True)
class Dynamics:
    """One environment's step by MJX and the vocabulary to speak of it, a ``Physics``.

    The state is ``(qpos, qvel)``; a control step is ``substeps`` simulator steps. ``memory`` is
    what the simulator carries besides the state: the solver's warm start. All is computed in
    ``dtype``, whatever JAX's precision is where it is called.
    """

    methods: ClassVar[tuple[str, ...]] = ("hybrid", "unrolled", "implicit", "mujoco_c")

    name: str
    solver: Solver
    environment: Any
    model: mjx.Model
    template: mjx.Data
    control_dt_s: float
    substeps: int
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    contact_names: tuple[str, ...]
    constraint_names: tuple[str, ...]
    dtype: Precision = "float64"

    @property
    def mj_model(self) -> mujoco.MjModel:
        """The model of MuJoCo's C engine."""
        return self.environment.mj_model

    def step(self, state: State, action: Action, memory: Memory) -> tuple[State, Memory]:
        """One control step: the next state, and the solver's memory after it."""
        next_state, memory, _ = self.observed_step(state, action, memory, lambda *_: None)
        return next_state, memory

    def recorded_step(
        self, state: State, action: Action, memory: Memory
    ) -> tuple[State, StepRecord]:
        """One control step, with what touched and what pushed on the way."""
        next_state, memory, records = self.observed_step(state, action, memory, self.record)
        return next_state, joint_record(records)

    def observed_step(
        self, state: State, action: Action, memory: Memory, observe: Observe
    ) -> tuple[State, Memory, Any]:
        """One control step, with what is observed of each of its simulator steps.

        Args:
            state: the state (qpos, qvel).
            action: the controls.
            memory: the solver's warm start.
            observe: takes the simulator's data before a simulator step, and as each of its solves
                left them: four with the integrator RK4, with others one.

        Returns:
            The next state, the memory after it, and the observations, stacked.
        """
        with precision(self.dtype):
            state, action, memory = (jnp.asarray(x, self.dtype) for x in (state, action, memory))
            return self._control_step(state, action, memory, observe)

    def _control_step(
        self, state: State, action: Action, memory: Memory, observe: Observe
    ) -> tuple[State, Memory, Any]:
        # State and memory are all that one simulator step hands to the next. With the whole of
        # the data handed on, JAX would trace the step several times to find what changes in it.
        def substep(carry: tuple[State, Memory], _: None) -> tuple[tuple[State, Memory], Any]:
            state, memory = carry
            before = self.to_data(state, action, memory)
            with self._numerics():
                after, solves = mjx_internals.step_with_solves(self.model, before)
            return (self.to_state(after), after.qacc_warmstart), observe(before, solves)

        (state, memory), seen = jax.lax.scan(substep, (state, memory), length=self.substeps)
        return state, memory, seen

    def record(self, before: mjx.Data, solves: Sequence[mjx.Data]) -> StepRecord:
        """What one simulator step was like, of which its solves tell."""
        pairs = mjx_internals.collision_pairs(self.mj_model)
        records = [
            StepRecord(
                memory=after.qacc,
                contact=mjx_internals.touching_pairs(after, pairs, self.mj_model.ngeom),
                constraint_active=mjx_internals.active_constraints(after),
                solver_converged=mjx_internals.solver_converged(self.model, before, after),
            )
            for after in solves
        ]
        if len(records) == 1:
            return records[0]
        return joint_record(jax.tree.map(lambda *each: jnp.stack(each), *records))

    def simulator_step(self, data: mjx.Data) -> mjx.Data:
        """One step of the simulator, of which a control step has ``substeps``."""
        with self._numerics():
            return mjx.step(self.model, data)

    def begin(self, key: jax.Array) -> Any:
        """The start of an episode, with the environment's observation and reward."""
        with self._numerics():
            return self.environment.reset(key)

    def begin_rollout(self, key: jax.Array) -> Any:
        """``begin``, with the types that ``advance`` returns, so that steps can be chained.

        An environment of one's own, or a robot, may begin with ``done`` a number and go on with a
        truth value.
        """
        start = self.begin(key)
        if suite_of(self.name) is DM_CONTROL_SUITE:
            return start
        with precision(self.dtype):
            action = jnp.zeros(int(self.environment.action_size), self.dtype)
            after = jax.eval_shape(self.advance, start, action)
            return jax.tree.map(lambda first, then: jnp.asarray(first, then.dtype), start, after)

    def advance(self, current: Any, action: Action) -> Any:
        """The same control step as ``step``, with the environment's observation and reward."""
        with self._numerics():
            return self.environment.step(current, action)

    def observed_advance(self, current: Any, action: Action) -> tuple[Any, SimulatorInput]:
        """``advance``, with what it hands to the simulator; robots make controls of actions.

        Raises:
            DynsparseError: a robot's step does not call the simulator once.
        """
        if not self.robot:
            return self.advance(current, action), SimulatorInput(
                current.data, action, self.substeps
            )
        with caught_inputs() as calls:
            following = self.advance(current, action)
        return following, only_input(self.name, calls, self.substeps)

    @property
    def robot(self) -> bool:
        """Whether it is of Playground's two suites of robots, whose episodes begin again."""
        return begins_again(self.name)

    @contextmanager
    def _numerics(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(precision(self.dtype))
            stack.enter_context(mjx_internals.bodies_computed_once())
            stack.enter_context(mjx_internals.settled_line_search())
            stack.enter_context(mjx_internals.exact_solver_norm())
            stack.enter_context(mjx_internals.smooth_at_rest(self.mj_model))
            stack.enter_context(mjx_internals.stages_in_a_loop())
            if self.solver == "converged":
                stack.enter_context(mjx_internals.exact_closest_points())
                stack.enter_context(mjx_internals.frames_along_capsules())
                stack.enter_context(mjx_internals.saturated_actuators())
            yield

    def to_data(self, state: State, action: Action, memory: Memory) -> mjx.Data:
        """The simulator's data at ``state``, about to apply ``action``.

        Not to be carried through a loop: a step may give integers of another size.
        """
        nq = self.mj_model.nq
        return self.template.replace(
            qpos=state[:nq], qvel=state[nq:], ctrl=action, qacc_warmstart=memory
        )

    def to_state(self, data: mjx.Data) -> State:
        """The state ``(qpos, qvel)`` in simulator data."""
        return jnp.concatenate([data.qpos, data.qvel])


def joint_record(records: StepRecord) -> StepRecord:
    """The record of a step from those of what it consists of, stacked."""
    return StepRecord(
        memory=records.memory[-1],
        contact=records.contact.any(0),
        constraint_active=records.constraint_active.any(0),
        solver_converged=records.solver_converged.all(0),
    )


def load(name: str, solver: Solver = "as_shipped", dtype: Precision = "float64") -> Dynamics:
    """The dynamics of an environment of MuJoCo Playground's DM Control Suite, or of one's own.

    Args:
        name: such as ``CheetahRun``, see ``dynsparse.suite.environment_names``.
        solver: the constraint solver's settings, see ``playground_environment``.
        dtype: what it computes in, whatever JAX's precision is. Derivatives need ``float64``.

    Raises:
        DynsparseError: unknown name; a model that uses what MJX leaves out, with state that is
            neither position nor velocity (actuator activations), without actuators, whose
            constraints are switched off in part, or whose time step is not that of the
            environment; or one's own ``reset`` or ``step`` hands back what cannot be stored.
    """
    with precision(dtype):
        environment = playground_environment(name, solver)
        mj_model = environment.mj_model
        _check_model(name, mj_model, environment)
        template = mjx.make_data(mj_model, impl="jax")
        if suite_of(name) is OWN:
            check_returns(name, environment)
    control_names = names.servo_names if begins_again(name) else names.action_names
    constraint_names = names.constraint_names(mj_model)
    if len(constraint_names) != mjx_internals.named_row_count(template):
        raise DynsparseError(
            f"environment {name!r}: the model's option flag switches constraints off that it has;"
            " take them out of the model instead"
        )
    return Dynamics(
        name=name,
        solver=solver,
        environment=environment,
        model=environment.mjx_model,
        template=template,
        control_dt_s=float(environment.dt),
        substeps=int(environment.n_substeps),
        state_names=names.state_names(mj_model),
        action_names=control_names(mj_model),
        contact_names=names.pair_names(mj_model, mjx_internals.collision_pairs(mj_model)),
        constraint_names=constraint_names,
        dtype=dtype,
    )


def _check_model(name: str, model: mujoco.MjModel, environment: Any) -> None:
    if model.na:
        raise DynsparseError(
            f"environment {name!r}: actuator activations are neither position nor velocity; take"
            " actuators without"
        )
    if not model.nu:
        raise DynsparseError(f"environment {name!r}: the model has no actuators")
    substeps, dt_s, timestep_s = environment.n_substeps, environment.dt, model.opt.timestep
    if substeps < 1 or not np.isclose(substeps * timestep_s, dt_s):
        raise DynsparseError(
            f"environment {name!r}: {substeps} steps of the model's {timestep_s:g} s do not make a"
            f" control step of {dt_s:g} s; choose ctrl_dt as a multiple of sim_dt, and set"
            " mj_model.opt.timestep = self.sim_dt"
        )
