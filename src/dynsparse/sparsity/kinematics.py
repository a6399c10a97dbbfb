"""The kinematic tree of a MuJoCo model, as sets of degrees of freedom."""

import mujoco
import numpy as np
from jaxtyping import Float

_Joint = mujoco.mjtJoint
_Wrap = mujoco.mjtWrap
_DOFS = {_Joint.mjJNT_FREE: 6, _Joint.mjJNT_BALL: 3, _Joint.mjJNT_SLIDE: 1, _Joint.mjJNT_HINGE: 1}


def joint_dofs(model: mujoco.MjModel, joint: int) -> list[int]:
    """The degrees of freedom of a joint."""
    first = int(model.jnt_dofadr[joint])
    return list(range(first, first + _DOFS[_Joint(model.jnt_type[joint])]))


def body_dofs(model: mujoco.MjModel, body: int) -> list[int]:
    """All degrees of freedom that move a body: its own and its ancestors'."""
    found: list[int] = []
    while body > 0:
        first, count = int(model.body_dofadr[body]), int(model.body_dofnum[body])
        found += range(first, first + count)
        body = int(model.body_parentid[body])
    return sorted(found)


def ancestor_dofs(model: mujoco.MjModel, dof: int) -> list[int]:
    """The degrees of freedom above one, which carry it along."""
    found = []
    while (dof := int(model.dof_parentid[dof])) >= 0:
        found.append(dof)
    return found


def tendon_dofs(model: mujoco.MjModel, tendon: int) -> list[int]:
    """The degrees of freedom that change a tendon's length."""
    found: set[int] = set()
    for wrap in _wraps(model, tendon):
        if model.wrap_type[wrap] == _Wrap.mjWRAP_JOINT and model.wrap_prm[wrap] != 0:
            found.update(joint_dofs(model, int(model.wrap_objid[wrap])))
        for body in _wrapped_bodies(model, wrap):
            found.update(body_dofs(model, body))
    return sorted(found)


def tendon_bodies(model: mujoco.MjModel, tendon: int) -> set[int]:
    """The bodies that a spatial tendon is led past; none for a tendon of joints."""
    return {body for wrap in _wraps(model, tendon) for body in _wrapped_bodies(model, wrap)}


def placed_from_outside(model: mujoco.MjModel, body: int) -> bool:
    """Whether a mocap body carries a body: where that is, the model does not say."""
    while body > 0 and model.body_mocapid[body] < 0:
        body = int(model.body_parentid[body])
    return body > 0


def translates(model: mujoco.MjModel, dof: int) -> bool:
    """Whether a degree of freedom is a translation: a slide, or one of a free joint's first."""
    joint = int(model.dof_jntid[dof])
    kind = model.jnt_type[joint]
    free = kind == _Joint.mjJNT_FREE and dof - int(model.jnt_dofadr[joint]) < 3
    return bool(kind == _Joint.mjJNT_SLIDE or free)


def constant_axis(model: mujoco.MjModel, dof: int) -> Float[np.ndarray, "3"] | None:
    """A translation's direction in the world, if it is the same in every state; else None."""
    above = [other for other in ancestor_dofs(model, dof) if not translates(model, other)]
    if above or not translates(model, dof):
        return None
    joint = int(model.dof_jntid[dof])
    if placed_from_outside(model, int(model.jnt_bodyid[joint])):
        return None
    if model.jnt_type[joint] == _Joint.mjJNT_FREE:
        return np.eye(3)[dof - int(model.jnt_dofadr[joint])]
    return joint_axis(model, joint)


def joint_axis(model: mujoco.MjModel, joint: int) -> Float[np.ndarray, "3"]:
    """The axis of a slide or hinge in the world, in the model's reference position."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    return np.array(data.xaxis[joint])


def _wraps(model: mujoco.MjModel, tendon: int) -> range:
    first = int(model.tendon_adr[tendon])
    return range(first, first + int(model.tendon_num[tendon]))


def _wrapped_bodies(model: mujoco.MjModel, wrap: int) -> list[int]:
    kind, number = model.wrap_type[wrap], model.wrap_objid[wrap]
    if kind == _Wrap.mjWRAP_SITE:
        return [int(model.site_bodyid[number])]
    if kind in (_Wrap.mjWRAP_SPHERE, _Wrap.mjWRAP_CYLINDER):
        # Beside the geom a site may tell on which side of it the tendon goes.
        side = int(model.wrap_prm[wrap])
        sides = [int(model.site_bodyid[side])] if side >= 0 else []
        return [int(model.geom_bodyid[number]), *sides]
    return []
