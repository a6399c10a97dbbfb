"""What a model may ask of MuJoCo that MJX's JAX implementation leaves out without a word.

The table comes from all fields of ``mjModel`` and ``mjOption`` of MuJoCo 3.8.1 that change a step
of its C engine, less those that ``mujoco.mjx._src`` reads, less those that ``mjx.put_model``
refuses by itself. What neither changes the step (colours, sleeping islands' bookkeeping, names)
nor is there for its own sake (iterations of a collision routine that MJX does not have) is not in.
"""

from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np

from dynsparse.errors import DynsparseError

_Off, _On = mujoco.mjtDisableBit, mujoco.mjtEnableBit


def _disabled(model: mujoco.MjModel, flag: Any) -> bool:
    return bool(model.opt.disableflags & flag)


def _disabled_group(model: mujoco.MjModel) -> bool:
    """MuJoCo counts groups 0 to 30; others cannot be switched off."""
    groups = [int(group) for group in model.actuator_group if 0 <= group < 31]
    return any(model.opt.disableactuator & (1 << group) for group in groups)


def _ellipsoid_fluid(model: mujoco.MjModel) -> bool:
    in_fluid = model.opt.density > 0 or model.opt.viscosity > 0
    return bool(in_fluid and (model.geom_fluid[:, 0] > 0).any())


def _half_passive(model: mujoco.MjModel) -> bool:
    return _disabled(model, _Off.mjDSBL_SPRING) != _disabled(model, _Off.mjDSBL_DAMPER)


def _any(field: str) -> Callable[[mujoco.MjModel], bool]:
    return lambda model: bool(np.any(getattr(model, field)))


# The name to show (where there is one, that of MJCF), and when a model uses the feature.
FEATURES: dict[str, Callable[[mujoco.MjModel], bool]] = {
    "noslip_iterations": lambda model: model.opt.noslip_iterations > 0,
    "delay of actuators": _any("actuator_delay"),
    "delay of sensors": _any("sensor_delay"),
    "interval of sensors": _any("sensor_interval"),
    "nsample (a history of actuators or sensors)": lambda model: model.nhistory > 0,
    "damping of actuators": _any("actuator_damping"),
    "polynomial damping of actuators": _any("actuator_dampingpoly"),
    "armature of actuators": _any("actuator_armature"),
    "actearly": _any("actuator_actearly"),
    "actuatorgroupdisable with actuators in that group": _disabled_group,
    "polynomial stiffness of joints": _any("jnt_stiffnesspoly"),
    "polynomial damping of joints": _any("dof_dampingpoly"),
    "polynomial stiffness of tendons": _any("tendon_stiffnesspoly"),
    "polynomial damping of tendons": _any("tendon_dampingpoly"),
    "fluidshape ellipsoid": _ellipsoid_fluid,
    "plugins": lambda model: model.nplugin > 0,
    "flag sleep": lambda model: bool(model.opt.enableflags & _On.mjENBL_SLEEP),
    # MJX then leaves out the other of the two as well, gravity compensation and fluids.
    "flag spring or damper alone": _half_passive,
    "flag multiccd": lambda model: _disabled(model, _Off.mjDSBL_MULTICCD),
    "flag nativeccd": lambda model: _disabled(model, _Off.mjDSBL_NATIVECCD),
}


def left_out(model: mujoco.MjModel) -> list[str]:
    """The features that a model uses and MJX leaves out."""
    return [name for name, in_use in FEATURES.items() if in_use(model)]


def refuse_left_out(environment: str, model: mujoco.MjModel) -> None:
    """Refuse a model of which MJX would simulate another.

    Raises:
        DynsparseError: names the features.
    """
    if features := left_out(model):
        raise DynsparseError(refusal(environment, ", ".join(features)))


def refusal(environment: str, features: str) -> str:
    """The one line about features that MJX does not have."""
    return (
        f"environment {environment!r}: its model uses {features}, which MJX leaves out; take that"
        " out of the model, or simulate it with MuJoCo's C engine"
    )
