"""An environment's step and its derivatives, NumPy in and out, in float64."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from dynsparse.api.names import bare, unit
from dynsparse.api.optional import needed
from dynsparse.dataset import have_derivatives
from dynsparse.errors import DynsparseError

if TYPE_CHECKING:
    import dynsparse.environments

# Samples differentiated together; fewer are filled up, since each size is compiled anew.
BATCH = 50


class Jacobians(NamedTuple):
    """Steps and their derivatives, in float64.

    Attributes:
        next_state: the state after each step.
        state_jacobian: element i, j is d next_state[i] / d state[j].
        action_jacobian: element i, j is d next_state[i] / d action[j].
        memory: the solver's warm start after each step.
        ok: whether all elements are finite.
    """

    next_state: Float[np.ndarray, "*n ds"]
    state_jacobian: Float[np.ndarray, "*n ds ds"]
    action_jacobian: Float[np.ndarray, "*n ds da"]
    memory: Float[np.ndarray, "*n nv"]
    ok: Bool[np.ndarray, "*n"]


class Simulator:
    """One environment; ``dynsparse.simulator`` gives one.

    Attributes:
        name: the environment's.
        state_names: names of the state's dimensions, such as ``qvel:bthigh``.
        action_names: names of the action's dimensions, such as ``ctrl:bfoot``.
        units: of each dimension of state and action.
        control_dt_s: seconds per step.
    """

    def __init__(self, dynamics: "dynsparse.environments.Dynamics") -> None:
        """Take what ``dynsparse.environments.load`` gave."""
        self._dynamics = dynamics
        self.name = dynamics.name
        self.state_names = tuple(map(bare, dynamics.state_names))
        self.action_names = tuple(map(bare, dynamics.action_names))
        names = (*dynamics.state_names, *dynamics.action_names)
        self.units = {bare(name): unit(name) for name in names}
        self.control_dt_s = dynamics.control_dt_s

    def jacobians(
        self,
        state: np.ndarray,
        action: np.ndarray,
        memory: np.ndarray | None = None,
    ) -> Jacobians:
        """Step, and differentiate the step, at one sample or many. The first call compiles.

        Args:
            state: (qpos, qvel), of shape (ds,) or a row per sample.
            action: the controls, (da,) or a row per sample.
            memory: the solver's warm start (qacc_warmstart), held fixed; None: zeros, as in an
                episode's first step. Where the solver is cut off, results depend on it.

        Raises:
            DynsparseError: shapes do not fit.
        """
        model = self._dynamics.mj_model
        state = np.asarray(state, np.float64)
        if memory is None:
            memory = np.zeros((*state.shape[:-1], model.nv))
        given = {"state": state, "action": action, "memory": memory}
        sizes = {"state": model.nq + model.nv, "action": model.nu, "memory": model.nv}
        arrays = []
        for what, size in sizes.items():
            values, shape = np.asarray(given[what], np.float64), (*state.shape[:-1], size)
            if values.shape != shape or values.ndim not in (1, 2):
                raise DynsparseError(f"{self.name}: {what} {values.shape} should be {shape}")
            arrays.append(values.reshape(-1, size))
        found = self._derive(*arrays)
        both = found.state_jacobian, found.action_jacobian
        every = (found.next_state, *both, found.record.memory, have_derivatives(*both))
        return Jacobians(*(x.reshape((*state.shape[:-1], *x.shape[1:])) for x in every))

    @cached_property
    def _derive(self) -> Any:
        from dynsparse.jacobians import batched_jacobians

        return batched_jacobians(self._dynamics, "auto", BATCH)

    def __repr__(self) -> str:
        sizes = f"state {len(self.state_names)}, action {len(self.action_names)}"
        return f"<Simulator {self.name}: {sizes}, float64>"


def simulator(name: str, solver: Literal["as_shipped", "converged"] = "as_shipped") -> Simulator:
    """The simulator of an environment, see ``dynsparse.environment_names()``.

    Args:
        name: such as ``CheetahRun``.
        solver: the constraint solver's settings: as shipped, or iterated to rounding.

    Raises:
        DynsparseError: unknown name, or JAX and MuJoCo are not installed.
    """
    for package in ("jax", "mujoco", "mujoco_playground"):
        needed(package, "simulate", f"the simulator of {name}")
    from dynsparse.environments import load

    return Simulator(load(name, solver))
