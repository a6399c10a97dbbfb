"""Which Jacobian elements can be nonzero at all, by the model alone (paper, section 4).

An element is *structural* if a proof from the model says that it is zero in every state. The
proof may miss zeros, but never calls one structural that could be nonzero:

1. Two degrees of freedom may act on each other within a simulator step only if something
   couples them: the mass matrix (one is the other's ancestor in the kinematic tree), a tendon, an
   actuator, a fluid. The inverse mass matrix is dense within what is coupled, so accelerations
   depend at most on positions, velocities and controls of the same connected component. Where
   a constraint may ever act, all is one component: the solver stops early, and its line search
   takes one step length for all.
2. A position whose change carries everything below it along as a rigid body, without being
   noticed by gravity, limits, springs, tendons, actuators or anything that it could touch, has no
   influence but on itself (``dynsparse.sparsity.symmetry``).
3. An activation depends on itself and on its actuator's control, and pulls where its actuator does;
   one whose dynamics are the user's own or a motor's may depend on everything.
4. A control step is a chain of simulator steps: the reachable set of the chain is the boolean
   product of theirs.

"Zero" is up to the rounding of the simulator, as it is everywhere else in this project.
"""

from collections.abc import Iterable
from typing import NamedTuple

import mujoco
import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int

from dynsparse.sparsity.kinematics import (
    ancestor_dofs,
    body_dofs,
    constant_axis,
    joint_dofs,
    tendon_dofs,
)
from dynsparse.sparsity.symmetry import what_notices
from dynsparse.storage.tables import with_metadata

Pairs = list[tuple[int, int]]

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("jacobian", pa.string()),
        ("row", pa.int32()),
        ("column", pa.int32()),
        ("row_name", pa.string()),
        ("column_name", pa.string()),
        ("structural", pa.bool_()),
        ("noticed_by", pa.string()),
    ]
)

_JOINT_ACTUATORS = (mujoco.mjtTrn.mjTRN_JOINT, mujoco.mjtTrn.mjTRN_JOINTINPARENT)


# Activations that depend on themselves and on their control alone.
_Dyn = mujoco.mjtDyn
_ALONE = (
    _Dyn.mjDYN_NONE,
    _Dyn.mjDYN_INTEGRATOR,
    _Dyn.mjDYN_FILTER,
    _Dyn.mjDYN_FILTEREXACT,
    _Dyn.mjDYN_MUSCLE,
)


class Structure(NamedTuple):
    """What may be nonzero, and what notices each position (empty: nothing does)."""

    state: Bool[np.ndarray, "state state"]
    action: Bool[np.ndarray, "state action"]
    noticed_by: tuple[tuple[str, ...], ...]


def structure(model: mujoco.MjModel, pairs: Pairs, substeps: int) -> Structure:
    """Which elements of a control step's Jacobians may be nonzero; states are (qpos, qvel, act).

    Args:
        model: has no equality constraints, flexible bodies or plugins, or everything is
            taken to depend on everything.
        pairs: geoms that may collide.
        substeps: simulator steps in a control step.
    """
    noticed = tuple(what_notices(model, pairs, position) for position in range(model.nq))
    reach = components(_coupling(model, pairs))
    moving = model.nq + model.nv
    acceleration_state = np.zeros((model.nv, moving + model.na), dtype=bool)
    acceleration_state[:, model.nq : moving] = reach
    for position, reasons in enumerate(noticed):
        if reasons:
            acceleration_state[:, position] = reach[:, dofs_of_position(model, position)].any(1)
    acceleration_action = np.zeros((model.nv, model.nu), dtype=bool)
    for actuator in range(model.nu):
        acts_on = reach[:, actuator_dofs(model, actuator)].any(axis=1)
        acceleration_action[:, actuator] = acts_on
        for activation in activations(model, actuator):
            acceleration_state[:, moving + activation] = acts_on
    state, action = _with_positions(model, acceleration_state, acceleration_action)
    total_state, total_action = state, action
    for _ in range(substeps - 1):
        total_action = action | _product(state, total_action)
        total_state = _product(state, total_state)
    return Structure(total_state, total_action, noticed)


def structure_table(
    found: Structure,
    environment: str,
    state_names: tuple[str, ...],
    action_names: tuple[str, ...],
) -> pa.Table:
    """``SCHEMA``: one row per element of both Jacobians.

    ``noticed_by`` says, for a column that is a position, what keeps it from being without
    influence: with a joint limit there, a zero is contingent on the limit never being reached.
    """
    rows = []
    for jacobian, possible, columns in (
        ("state", found.state, state_names),
        ("action", found.action, action_names),
    ):
        for (row, column), may in np.ndenumerate(possible):
            is_position = jacobian == "state" and column < len(found.noticed_by)
            reasons = found.noticed_by[column] if is_position else ()
            rows.append(
                {
                    "environment": environment,
                    "jacobian": jacobian,
                    "row": row,
                    "column": column,
                    "row_name": state_names[row],
                    "column_name": columns[column],
                    "structural": not may,
                    "noticed_by": ", ".join(reasons),
                }
            )
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    return with_metadata(table, "structure", sources=[environment])


def _coupling(model: mujoco.MjModel, pairs: Pairs) -> Bool[np.ndarray, "nv nv"]:
    if _may_constrain(model, pairs):
        return np.ones((model.nv, model.nv), dtype=bool)
    return smooth_coupling(model, range(model.ntendon))


def smooth_coupling(model: mujoco.MjModel, tendons: Iterable[int]) -> Bool[np.ndarray, "nv nv"]:
    """Which degrees of freedom act on each other where no constraint acts.

    Args:
        model: as ``structure``.
        tendons: those that may pull.
    """
    coupled = np.eye(model.nv, dtype=bool)
    if model.neq or model.nflex or model.nplugin:
        return np.ones_like(coupled)
    groups = [actuator_dofs(model, actuator) for actuator in range(model.nu)]
    groups += [tendon_dofs(model, tendon) for tendon in tendons]
    if model.opt.density > 0 or model.opt.viscosity > 0:
        groups += [body_dofs(model, body) for body in range(model.nbody)]
    for group in groups:
        coupled[np.ix_(group, group)] = True
    return coupled | _mass_matrix(model)


def _may_constrain(model: mujoco.MjModel, pairs: Pairs) -> bool:
    """Whether a constraint may ever act; the solver's line search then ties everything."""
    limits = model.jnt_limited.any() or model.tendon_limited.any()
    friction = model.dof_frictionloss.any() or model.tendon_frictionloss.any()
    return bool(pairs or model.neq or limits or friction)


def _mass_matrix(model: mujoco.MjModel) -> Bool[np.ndarray, "nv nv"]:
    """Where the mass matrix may be nonzero: ancestors, but for slides at right angles for ever."""
    possible = np.zeros((model.nv, model.nv), dtype=bool)
    axes = [constant_axis(model, dof) for dof in range(model.nv)]
    for dof in range(model.nv):
        for other in ancestor_dofs(model, dof):
            axis, above = axes[dof], axes[other]
            apart = axis is not None and above is not None and abs(axis @ above) < 1e-12
            possible[dof, other] = possible[other, dof] = not apart
    return possible


def components(coupled: Bool[np.ndarray, "nv nv"]) -> Bool[np.ndarray, "nv nv"]:
    """What is coupled directly or through others."""
    reach = coupled
    while True:
        further = _product(reach, reach)
        if (further == reach).all():
            return reach
        reach = further


def _product(
    a: Bool[np.ndarray, "rows inner"], b: Bool[np.ndarray, "inner columns"]
) -> Bool[np.ndarray, "rows columns"]:
    return (a.astype(np.int64) @ b.astype(np.int64)) > 0


def actuator_dofs(model: mujoco.MjModel, actuator: int) -> list[int]:
    """The degrees of freedom that an actuator may act on."""
    kind, target = model.actuator_trntype[actuator], int(model.actuator_trnid[actuator, 0])
    if kind in _JOINT_ACTUATORS:
        return joint_dofs(model, target)
    if kind == mujoco.mjtTrn.mjTRN_TENDON:
        return tendon_dofs(model, target)
    return list(range(model.nv))


def dofs_of_position(model: mujoco.MjModel, position: int) -> Int[np.ndarray, " dofs"]:
    """The degrees of freedom of the joint that a position belongs to."""
    joint = int(np.searchsorted(model.jnt_qposadr, position, side="right")) - 1
    return np.asarray(joint_dofs(model, joint))


def _with_positions(
    model: mujoco.MjModel,
    state: Bool[np.ndarray, "nv state"],
    action: Bool[np.ndarray, "nv action"],
) -> tuple[Bool[np.ndarray, "state state"], Bool[np.ndarray, "state action"]]:
    """Rows of the next positions above those of the next velocities, then of activations.

    A next position depends on itself and on its joint's next velocity; the four numbers of a
    quaternion depend on each other.
    """
    position_state = np.eye(model.nq, model.nq + model.nv + model.na, dtype=bool)
    position_action = np.zeros((model.nq, model.nu), dtype=bool)
    for joint in range(model.njnt):
        first, dofs = model.jnt_qposadr[joint], joint_dofs(model, joint)
        rotation = []
        if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_BALL:
            rotation = list(range(first, first + 4))
        elif model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE:
            rotation = list(range(first + 3, first + 7))
        straight = 1 if not rotation else len(dofs) - 3
        for offset in range(straight):
            position_state[first + offset] |= state[dofs[offset]]
            position_action[first + offset] |= action[dofs[offset]]
        if rotation:
            position_state[np.ix_(rotation, rotation)] = True
            position_state[rotation] |= state[dofs[-3:]].any(axis=0)
            position_action[rotation] |= action[dofs[-3:]].any(axis=0)
    itself = np.eye(model.nv, model.nq + model.nv + model.na, k=model.nq, dtype=bool)
    activation_state, activation_action = _activations(model)
    return (
        np.vstack([position_state, state | itself, activation_state]),
        np.vstack([position_action, action, activation_action]),
    )


def _activations(
    model: mujoco.MjModel,
) -> tuple[Bool[np.ndarray, "na state"], Bool[np.ndarray, "na action"]]:
    """Rows of the next activations."""
    first = model.nq + model.nv
    state = np.zeros((model.na, first + model.na), dtype=bool)
    action = np.zeros((model.na, model.nu), dtype=bool)
    for actuator in range(model.nu):
        own = list(activations(model, actuator))
        if model.actuator_dyntype[actuator] in _ALONE:
            state[np.ix_(own, [first + activation for activation in own])] = True
            action[own, actuator] = True
        else:
            state[own], action[own] = True, True
    return state, action


def activations(model: mujoco.MjModel, actuator: int) -> range:
    """The activations of an actuator."""
    first = int(model.actuator_actadr[actuator])
    return range(first, first + int(model.actuator_actnum[actuator]))
