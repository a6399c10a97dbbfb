"""What notices that a position has changed, if everything below it is carried along.

A slide whose direction is the same in every state, or a hinge at the root of its tree, moves
all bodies below it as one rigid body. Relative positions, the mass matrix, velocities in joint
coordinates and the solver's memory stay what they were, so the accelerations can change only
through what ties these bodies to the rest of the world. ``notices`` lists the ties.
"""

from collections.abc import Callable
from typing import NamedTuple

import mujoco
import numpy as np

from dynsparse.sparsity.kinematics import (
    ancestor_dofs,
    body_dofs,
    constant_axis,
    joint_axis,
    placed_from_outside,
    tendon_bodies,
    tendon_dofs,
)

_Joint = mujoco.mjtJoint
Pairs = list[tuple[int, int]]
PARALLEL = 1e-12

# Kinds of ties that need not act in every state.
LIMIT, TENDON, CONTACT = "limit", "tendon", "contact"
ALWAYS = "always"


class Notice(NamedTuple):
    """By what a change of a position may be felt.

    Attributes:
        name: in words.
        kind: ``LIMIT``, ``TENDON``, ``CONTACT`` or ``ALWAYS``.
        number: of the joint, the tendon, or the pair among those that may collide.
    """

    name: str
    kind: str = ALWAYS
    number: int = -1


def what_notices(model: mujoco.MjModel, pairs: Pairs, position: int) -> tuple[str, ...]:
    """The names of ``notices``."""
    return tuple(notice.name for notice in notices(model, pairs, position))


def notices(model: mujoco.MjModel, pairs: Pairs, position: int) -> tuple[Notice, ...]:
    """Everything in the model by which a change of one position may be felt.

    Args:
        model: the model.
        pairs: geoms that may collide.
        position: index into ``qpos``.

    Returns:
        What may feel it; empty if the change is provably without consequence.
    """
    joint = int(np.searchsorted(model.jnt_qposadr, position, side="right")) - 1
    offset = position - int(model.jnt_qposadr[joint])
    kind = model.jnt_type[joint]
    if kind == _Joint.mjJNT_BALL or (kind == _Joint.mjJNT_FREE and offset >= 3):
        return (Notice("rotation in three dimensions"),)
    if model.neq or model.nflex or model.nplugin:
        return (Notice("equality constraint, flexible body or plugin"),)
    dof = int(model.jnt_dofadr[joint]) + offset
    moved = {body for body in range(model.nbody) if dof in body_dofs(model, body)}
    felt = [*_own(model, joint), *_tendons(model, dof, moved), *_actuators(model, joint)]
    if kind == _Joint.mjJNT_HINGE:
        turned = _contacts(model, pairs, lambda *geoms: bool(_moving(model, moved, geoms)))
        felt += _rotation(model, joint, dof) + turned
    else:
        felt += _translation(model, dof, pairs, moved)
    return tuple(felt)


def velocity_notices(model: mujoco.MjModel, pairs: Pairs, dof: int) -> tuple[Notice, ...]:
    """Everything in the model by which a change of one velocity may be felt, as ``notices``.

    A translation whose direction is the same in every state is not felt by what it carries along:
    only dampers, fluids and constraints tie it to the world. All other velocities are felt.
    """
    joint = int(model.dof_jntid[dof])
    moved = {body for body in range(model.nbody) if dof in body_dofs(model, body)}
    always = model.neq or model.nflex or model.nplugin or constant_axis(model, dof) is None
    always = always or model.opt.density > 0 or model.opt.viscosity > 0
    damped = model.dof_damping[dof] or model.dof_dampingpoly[dof].any()
    damped = damped or model.actuator_damping.any() or model.actuator_dampingpoly.any()
    if always or damped or model.dof_frictionloss[dof]:
        return (Notice("its own part"),)
    # By the position's spring too: it is elsewhere after a part of the control step.
    own, tendons = _own(model, joint), _tendons(model, dof, moved)
    touching = _contacts(model, pairs, lambda *geoms: len(_moving(model, moved, geoms)) == 1)
    return (*own, *tendons, *_actuators(model, joint), *touching)


def _own(model: mujoco.MjModel, joint: int) -> list[Notice]:
    name = model.joint(joint).name
    limit = [Notice(f"limit of {name}", LIMIT, joint)] if model.jnt_limited[joint] else []
    springy = model.jnt_stiffness[joint] or model.jnt_stiffnesspoly[joint].any()
    return limit + ([Notice(f"spring of {name}")] if springy else [])


def _tendons(model: mujoco.MjModel, dof: int, moved: set[int]) -> list[Notice]:
    """Tendons of the joint itself, and those that lead from moved bodies to others."""
    felt = []
    for tendon in range(model.ntendon):
        bodies = tendon_bodies(model, tendon)
        inside = bool(bodies) and bodies <= moved
        if dof in tendon_dofs(model, tendon) and not inside:
            felt.append(Notice(f"tendon {model.tendon(tendon).name or tendon}", TENDON, tendon))
    return felt


def _actuators(model: mujoco.MjModel, joint: int) -> list[Notice]:
    """Actuators whose force may depend on the position; motors of joints have constant gain."""
    felt = []
    for actuator in range(model.nu):
        kind, target = model.actuator_trntype[actuator], model.actuator_trnid[actuator, 0]
        constant = (
            model.actuator_gaintype[actuator] == mujoco.mjtGain.mjGAIN_FIXED
            and model.actuator_biastype[actuator] == mujoco.mjtBias.mjBIAS_NONE
        )
        of_joint = kind == mujoco.mjtTrn.mjTRN_JOINT
        of_tendon = kind == mujoco.mjtTrn.mjTRN_TENDON  # counted with the tendons
        if not (of_tendon or (of_joint and (target != joint or constant))):
            felt.append(Notice(f"actuator {model.actuator(actuator).name}"))
    return felt


def _translation(model: mujoco.MjModel, dof: int, pairs: Pairs, moved: set[int]) -> list[Notice]:
    axis = constant_axis(model, dof)
    if axis is None:
        return [Notice("a direction that turns with the bodies above it")]

    def felt(a: int, b: int) -> bool:
        moving = _moving(model, moved, (a, b))
        still = b if moving == [a] else a
        return len(moving) == 1 and not _slides_along(model, axis, still)

    return _contacts(model, pairs, felt)


def _slides_along(model: mujoco.MjModel, axis: np.ndarray, still: int) -> bool:
    """Whether ``still`` is an unmoved, endless plane along ``axis``, the same all along it."""
    if model.geom_type[still] != mujoco.mjtGeom.mjGEOM_PLANE:
        return False
    body = int(model.geom_bodyid[still])
    if body_dofs(model, body) or placed_from_outside(model, body):
        return False
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    normal = data.geom_xmat[still].reshape(3, 3)[:, 2]
    return bool(abs(normal @ axis) < PARALLEL)


def _rotation(model: mujoco.MjModel, joint: int, dof: int) -> list[Notice]:
    """A root hinge along gravity, in still air, is not felt; contact frames do not turn with it."""
    felt = [Notice("bodies above it")] if ancestor_dofs(model, dof) else []
    if placed_from_outside(model, int(model.jnt_bodyid[joint])):
        felt.append(Notice("a mocap body above it"))
    falls = not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_GRAVITY
    across = np.linalg.norm(np.cross(joint_axis(model, joint), model.opt.gravity)) > PARALLEL
    if falls and across:
        felt.append(Notice("gravity"))
    if np.any(model.opt.wind):
        felt.append(Notice("wind"))
    return felt


def _contacts(
    model: mujoco.MjModel, pairs: Pairs, felt: Callable[[int, int], bool]
) -> list[Notice]:
    """The contacts of those pairs of geoms for which it is ``felt``."""
    return [
        Notice(f"contact {_pair_name(model, a, b)}", CONTACT, number)
        for number, (a, b) in enumerate(pairs)
        if felt(a, b)
    ]


def _moving(model: mujoco.MjModel, moved: set[int], geoms: tuple[int, ...]) -> list[int]:
    """Those of some geoms whose bodies are moved."""
    return [geom for geom in geoms if model.geom_bodyid[geom] in moved]


def _pair_name(model: mujoco.MjModel, a: int, b: int) -> str:
    return ":".join(
        model.geom(geom).name or model.body(model.geom_bodyid[geom]).name for geom in (a, b)
    )
