"""What is asked of an environment by its name, whatever simulates it."""

from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import mujoco

from dynsparse.environments.playground import Solver, playground_environment


@runtime_checkable
class Physics(Protocol):
    """What every kind of dynamics tells of itself: ``Dynamics`` by MJX, another class by C.

    Attributes:
        methods: how its Jacobians are computed; the first is what ``auto`` stands for.
        name: the environment's.
        mj_model: the model of MuJoCo's C engine.
        substeps: simulator steps in a control step.
        control_dt_s: seconds per control step.
        state_names, action_names: names and units of the dimensions.
        contact_names: geom pairs that may touch.
        constraint_names: friction losses and limits.
    """

    methods: ClassVar[tuple[str, ...]]

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def mj_model(self) -> mujoco.MjModel: ...  # noqa: D102
    @property
    def substeps(self) -> int: ...  # noqa: D102
    @property
    def control_dt_s(self) -> float: ...  # noqa: D102
    @property
    def state_names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def action_names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def contact_names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def constraint_names(self) -> tuple[str, ...]: ...  # noqa: D102


def vocabulary(dynamics: Physics) -> dict[str, Any]:
    """What a dataset calls its numbers, by the names of its attributes."""
    return {
        "state_names": dynamics.state_names,
        "action_names": dynamics.action_names,
        "contact_names": dynamics.contact_names,
        "constraint_names": dynamics.constraint_names,
        "control_dt_s": dynamics.control_dt_s,
    }


class SimulatedModel(NamedTuple):
    """A model, and how many of its steps make a control step."""

    mj_model: mujoco.MjModel
    substeps: int


def simulated_model(name: str, solver: Solver = "as_shipped") -> SimulatedModel:
    """The model that an environment simulates; nothing is compiled or traced.

    Args:
        name: see ``dynsparse.suite.environment_names``.
        solver: the constraint solver's settings, see ``playground_environment``.

    Raises:
        DynsparseError: there is no such environment, or it cannot be loaded.
    """
    environment = playground_environment(name, solver)
    return SimulatedModel(environment.mj_model, int(environment.n_substeps))
