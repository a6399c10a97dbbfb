"""Names and units of every dimension, read off the model."""

from collections import Counter
from typing import Any

import mujoco

_FREE = ("x [m]", "y [m]", "z [m]", "qw [1]", "qx [1]", "qy [1]", "qz [1]")
_FREE_VELOCITY = ("vx [m/s]", "vy [m/s]", "vz [m/s]", "wx [rad/s]", "wy [rad/s]", "wz [rad/s]")
_Joint = mujoco.mjtJoint
_POSITIONS = {
    _Joint.mjJNT_FREE: tuple(f".{name}" for name in _FREE),
    _Joint.mjJNT_BALL: tuple(f".{name}" for name in _FREE[3:]),
    _Joint.mjJNT_SLIDE: (" [m]",),
    _Joint.mjJNT_HINGE: (" [rad]",),
}
_VELOCITIES = {
    _Joint.mjJNT_FREE: tuple(f".{name}" for name in _FREE_VELOCITY),
    _Joint.mjJNT_BALL: tuple(f".{name}" for name in _FREE_VELOCITY[3:]),
    _Joint.mjJNT_SLIDE: (" [m/s]",),
    _Joint.mjJNT_HINGE: (" [rad/s]",),
}


def state_names(model: mujoco.MjModel) -> tuple[str, ...]:
    """Names of ``(qpos, qvel)``, such as ``qpos:slider [m]``; a free joint gives 7 and 6.

    Where actuators have activations, these follow: ``act:biceps [1]``.
    """
    joints = _joints(model)
    positions = [f"qpos:{_name(j)}{part}" for j, kind in joints for part in _POSITIONS[kind]]
    return (*_distinct(positions), *velocity_names(model), *activation_names(model))


def activation_names(model: mujoco.MjModel) -> tuple[str, ...]:
    """Names of the actuators' activations, in the simulator's own units."""
    owners = [k for k in range(model.nu) for _ in range(model.actuator_actnum[k])]
    return _distinct([f"act:{_name(model.actuator(k))} [1]" for k in owners])


def velocity_names(model: mujoco.MjModel) -> tuple[str, ...]:
    """Names of ``qvel``, such as ``qvel:slider [m/s]``."""
    joints = _joints(model)
    return _distinct([f"qvel:{_name(j)}{part}" for j, kind in joints for part in _VELOCITIES[kind]])


def action_names(model: mujoco.MjModel) -> tuple[str, ...]:
    """Names of the controls; Playground's are normalised, hence the unit 1."""
    return _distinct([f"ctrl:{_name(model.actuator(k))} [1]" for k in range(model.nu)])


def servo_names(model: mujoco.MjModel) -> tuple[str, ...]:
    """Names of the controls of a robot; a servo's is where its joint shall be, in m or rad."""
    return _distinct(
        [f"ctrl:{_name(model.actuator(k))} [{_control_unit(model, k)}]" for k in range(model.nu)]
    )


def _control_unit(model: mujoco.MjModel, k: int) -> str:
    """Of a servo (MuJoCo's ``position``) on a joint of one degree of freedom; else 1."""
    stiffness, bias = model.actuator_gainprm[k, 0], model.actuator_biasprm[k, 1]
    servo = model.actuator_biastype[k] == mujoco.mjtBias.mjBIAS_AFFINE and bias == -stiffness != 0
    at_joint = model.actuator_trntype[k] == mujoco.mjtTrn.mjTRN_JOINT
    if not (servo and at_joint and model.actuator_gear[k, 0] == 1):
        return "1"
    kind = _Joint(model.jnt_type[model.actuator_trnid[k, 0]])
    return {_Joint.mjJNT_HINGE: "rad", _Joint.mjJNT_SLIDE: "m"}.get(kind, "1")


def pair_names(model: mujoco.MjModel, pairs: list[tuple[int, int]]) -> tuple[str, ...]:
    """Names of geom pairs, such as ``ground:ffoot``; a nameless geom goes by its body."""
    return _distinct([f"{_geom_name(model, a)}:{_geom_name(model, b)}" for a, b in pairs])


def constraint_names(model: mujoco.MjModel) -> tuple[str, ...]:
    """Names of the friction losses and limits, in the order of MJX's constraint rows.

    Equality constraints always act, and tell nothing of the moment.
    """
    friction_dofs = [k for k in range(model.nv) if model.dof_frictionloss[k] > 0]
    friction_tendons = [k for k in range(model.ntendon) if model.tendon_frictionloss[k] > 0]
    limited = [k for k in range(model.njnt) if model.jnt_limited[k]]
    balls = [k for k in limited if model.jnt_type[k] == _Joint.mjJNT_BALL]
    hinges = [k for k in limited if model.jnt_type[k] in (_Joint.mjJNT_SLIDE, _Joint.mjJNT_HINGE)]
    tendons = [k for k in range(model.ntendon) if model.tendon_limited[k]]
    return _distinct(
        [f"frictionloss:{_name(model.joint(model.dof_jntid[k]))}" for k in friction_dofs]
        + [f"frictionloss:{_name(model.tendon(k))}" for k in friction_tendons]
        + [f"limit:{_name(model.joint(k))}" for k in balls + hinges]
        + [f"limit:{_name(model.tendon(k))}" for k in tendons]
    )


def _joints(model: mujoco.MjModel) -> list[tuple[Any, mujoco.mjtJoint]]:
    return [(model.joint(k), _Joint(model.jnt_type[k])) for k in range(model.njnt)]


def _distinct(names: list[str]) -> tuple[str, ...]:
    """The names, of which those that come again are numbered: geoms a and b:c, or a:b and c."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(found)


def _name(item: Any) -> str:
    return item.name or f"#{item.id}"


def _geom_name(model: mujoco.MjModel, geom: int) -> str:
    return model.geom(geom).name or f"{model.body(model.geom_bodyid[geom]).name}.geom{geom}"
