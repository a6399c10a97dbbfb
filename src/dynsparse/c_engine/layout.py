"""Where in MuJoCo's integration state the parts of a sample are."""

from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from dynsparse.errors import DynsparseError

INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION
_Part = mujoco.mjtState
# What a step depends on beside state, memory and controls, in MuJoCo's order. Time is among it:
# where the solver is PGS, the same step at another time ends elsewhere (Gymnasium's Humanoid).
_HELD = {
    "time": _Part.mjSTATE_TIME,
    "qfrc_applied": _Part.mjSTATE_QFRC_APPLIED,
    "xfrc_applied": _Part.mjSTATE_XFRC_APPLIED,
    "eq_active": _Part.mjSTATE_EQ_ACTIVE,
    "mocap_pos": _Part.mjSTATE_MOCAP_POS,
    "mocap_quat": _Part.mjSTATE_MOCAP_QUAT,
    "userdata": _Part.mjSTATE_USERDATA,
}


class Sample(NamedTuple):
    """What a control step depends on: all that MuJoCo calls its integration state.

    Attributes:
        state: (qpos, qvel, act).
        memory: the solver's warm start.
        action: the controls.
        held: time, forces, mocap bodies and the like, which the environment set.
    """

    state: Float[np.ndarray, "*n state"]
    memory: Float[np.ndarray, "*n nv"]
    action: Float[np.ndarray, "*n action"]
    held: Float[np.ndarray, "*n held"]


class Layout(NamedTuple):
    """Sizes of the parts of a model's integration state.

    Attributes:
        state: of (qpos, qvel, act).
        memory: of the warm start.
        action: of the controls.
        held_names: time, and what may be set beside the controls, in order.
    """

    state: int
    memory: int
    action: int
    held_names: tuple[str, ...]

    @classmethod
    def of(cls, name: str, model: mujoco.MjModel) -> "Layout":
        """The layout of a model.

        Raises:
            DynsparseError: its state is more than positions, velocities and activations, or it
                does not move.
        """
        if not model.nv:
            raise DynsparseError(f"environment {name!r}: its model has no joints: nothing moves")
        if not model.opt.timestep > 0:
            raise DynsparseError(f"environment {name!r}: its time step is {model.opt.timestep:g}")
        if model.opt.enableflags & mujoco.mjtEnableBit.mjENBL_SLEEP:
            raise DynsparseError(
                f"environment {name!r}: its model has flag sleep: whether a body sleeps is no part"
                " of MuJoCo's integration state"
            )
        for part, what in (
            (_Part.mjSTATE_HISTORY, "a history (delays of actuators or sensors)"),
            (_Part.mjSTATE_PLUGIN, "plugins with a state"),
        ):
            if mujoco.mj_stateSize(model, part):
                raise DynsparseError(f"environment {name!r}: its model has {what}")
        held = tuple(
            f"{field}[{k}]"
            for field, part in _HELD.items()
            for k in range(mujoco.mj_stateSize(model, part))
        )
        return cls(model.nq + model.nv + model.na, model.nv, model.nu, held)

    def split(self, values: Float[np.ndarray, "*n integration"]) -> Sample:
        """The parts of integration states."""
        edges = np.cumsum([1, self.state, self.memory, self.action])
        time, state, memory, action, rest = np.split(values, edges, axis=-1)
        return Sample(state, memory, action, np.concatenate([time, rest], axis=-1))

    def join(self, sample: Sample) -> Float[np.ndarray, "n integration"]:
        """Integration states of samples: what ``split`` was given."""
        time, rest = np.split(sample.held, [1], axis=-1)
        return np.concatenate([time, sample.state, sample.memory, sample.action, rest], axis=-1)


def same_numbers(
    one: Float[np.ndarray, "*n"], other: Float[np.ndarray, "*n"]
) -> Bool[np.ndarray, "*n"]:
    """Where two arrays are equal to the last bit; where a state blew up, both are not a number."""
    return (one == other) | (np.isnan(one) & np.isnan(other))


def integration_state(
    model: mujoco.MjModel, data: mujoco.MjData
) -> Float[np.ndarray, " integration"]:
    """All that a step depends on, and MuJoCo calls its integration state."""
    found = np.empty(mujoco.mj_stateSize(model, INTEGRATION))
    mujoco.mj_getState(model, data, found, INTEGRATION)
    return found
