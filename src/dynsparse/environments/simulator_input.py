"""What an environment's step hands to the simulator, whatever it made of the action before."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float
from mujoco import mjx

from dynsparse.errors import DynsparseError
from dynsparse.mjx_internals.replacing import replaced


class SimulatorInput(NamedTuple):
    """What the simulator was given for one control step.

    Attributes:
        data: its data before the step.
        control: the controls, held over the control step.
        substeps: simulator steps to take.
    """

    data: mjx.Data
    control: Float[Array, " controls"]
    substeps: int

    @property
    def forced(self) -> Bool[Array, ""]:
        """Whether anything pushes beside the actuators."""
        return jnp.any(self.data.xfrc_applied != 0) | jnp.any(self.data.qfrc_applied != 0)


@contextmanager
def caught_inputs() -> Iterator[list[SimulatorInput]]:
    """The inputs of all calls of Playground's ``mjx_env.step`` while a step is traced."""
    from mujoco_playground._src import mjx_env

    calls: list[SimulatorInput] = []
    shipped = mjx_env.step

    def step(model: mjx.Model, data: mjx.Data, action: jax.Array, n_substeps: int = 1) -> mjx.Data:
        calls.append(SimulatorInput(data, action, n_substeps))
        return shipped(model, data, action, n_substeps)

    with replaced(mjx_env, step=step):
        yield calls


def only_input(name: str, calls: list[SimulatorInput], substeps: int) -> SimulatorInput:
    """The one input of a step.

    Raises:
        DynsparseError: there were none or several, or not for a control step.
    """
    if len(calls) != 1 or calls[0].substeps != substeps:
        taken = ", ".join(str(call.substeps) for call in calls) or "none"
        raise DynsparseError(
            f"environment {name!r}: its step has to call mjx_env.step once, for {substeps}"
            f" simulator steps; it took {taken}"
        )
    return calls[0]
