"""Jacobians in tangent space, for states with orientations (nq larger than nv).

An orientation is stored as a unit quaternion, four numbers for three degrees of freedom. The
Jacobian of the raw state has a column for each of the four, one combination of which leads off
the unit sphere. In tangent space a change of the state is what MuJoCo's ``mj_differentiatePos``
says and ``mj_integratePos`` undoes: as many numbers as velocities, as in ``mjd_transitionFD``.
"""

import mujoco
import numpy as np
from jaxtyping import Float

from dynsparse.environments.names import activation_names, velocity_names

_QUATERNION_AT = {mujoco.mjtJoint.mjJNT_FREE: 3, mujoco.mjtJoint.mjJNT_BALL: 0}


def tangent_names(model: mujoco.MjModel) -> tuple[str, ...]:
    """Names of the tangent space's dimensions; none where it is the state space itself."""
    if model.nq == model.nv:
        return ()
    velocities = velocity_names(model)
    positions = (f"dqpos:{name.removeprefix('qvel:').removesuffix('/s]')}]" for name in velocities)
    return (*positions, *velocities, *activation_names(model))


def tangent_jacobians(
    model: mujoco.MjModel,
    state: Float[np.ndarray, "samples state"],
    next_state: Float[np.ndarray, "samples state"],
    state_jacobian: Float[np.ndarray, "samples state state"],
    action_jacobian: Float[np.ndarray, "samples state action"],
) -> tuple[
    Float[np.ndarray, "samples tangent tangent"], Float[np.ndarray, "samples tangent action"]
]:
    """The same derivatives between tangent spaces, by the chain rule.

    Args:
        model: the environment's model.
        state: (qpos, qvel), and activations if there are any, before the step.
        next_state: the same after it.
        state_jacobian: d next_state / d state.
        action_jacobian: d next_state / d action.
    """
    nq = model.nq
    rest = state.shape[1] - nq
    lift = _with_the_rest(position_per_tangent(model, state[:, :nq]), rest)
    project = _with_the_rest(tangent_per_position(model, next_state[:, :nq]), rest)
    return project @ state_jacobian @ lift, project @ action_jacobian


def position_per_tangent(
    model: mujoco.MjModel, qpos: Float[np.ndarray, "samples nq"]
) -> Float[np.ndarray, "samples nq nv"]:
    """Derivative of ``mj_integratePos`` at ``qpos`` by the tangent, at zero."""
    result = np.zeros((len(qpos), model.nq, model.nv))
    for joint in range(model.njnt):
        plain = _QUATERNION_AT.get(mujoco.mjtJoint(model.jnt_type[joint]), 1)
        q, v = model.jnt_qposadr[joint], model.jnt_dofadr[joint]
        result[:, q : q + plain, v : v + plain] = np.eye(plain)
        if model.jnt_type[joint] in _QUATERNION_AT:
            q, v = q + plain, v + plain
            result[:, q : q + 4, v : v + 3] = 0.5 * _rotations(qpos[:, q : q + 4])
    return result


def tangent_per_position(
    model: mujoco.MjModel, qpos: Float[np.ndarray, "samples nq"]
) -> Float[np.ndarray, "samples nv nq"]:
    """Derivative of ``mj_differentiatePos`` from ``qpos`` by its target, at ``qpos``.

    The pseudo-inverse of ``position_per_tangent``: its columns are orthogonal.
    """
    lift = position_per_tangent(model, qpos)
    return np.swapaxes(lift / (lift**2).sum(axis=1, keepdims=True), 1, 2)


def _rotations(quaternion: Float[np.ndarray, "samples 4"]) -> Float[np.ndarray, "samples 4 3"]:
    """q * (0, w) as a matrix that acts on w."""
    w, x, y, z = quaternion.T
    return np.stack([-x, -y, -z, w, -z, y, z, w, -x, -y, x, w], axis=1).reshape(-1, 4, 3)


def _with_the_rest(
    positions: Float[np.ndarray, "samples rows columns"], rest: int
) -> Float[np.ndarray, "samples more_rows more_columns"]:
    """Velocities and activations are their own tangents."""
    samples, rows, columns = positions.shape
    result = np.zeros((samples, rows + rest, columns + rest))
    result[:, :rows, :columns] = positions
    result[:, rows:, columns:] = np.eye(rest)
    return result
