"""What happened in a simulator step, as ``mjx.Data`` tells it."""

import jax.numpy as jnp
import mujoco
import numpy as np
from jaxtyping import Array, Bool, Int, Int8
from mujoco import mjx
from mujoco.mjx._src import collision_driver


def collision_pairs(model: mujoco.MjModel) -> list[tuple[int, int]]:
    """Geom pairs ``(a, b)``, a < b, that MJX may bring into contact."""
    if model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_CONTACT:
        return []
    pairs = {(min(a, b), max(a, b)) for a, b, _ in collision_driver.geom_pairs(model)}
    return sorted((int(a), int(b)) for a, b in pairs)


def named_row_count(data: mjx.Data) -> int:
    """Number of constraint rows between equalities and contacts: friction loss, limits."""
    return int(data._impl.nf + data._impl.nl)


def touching_pairs(
    data: mjx.Data, pairs: list[tuple[int, int]], geoms: int
) -> Bool[Array, " pairs"]:
    """Which of ``pairs`` are in contact (penetrating, or inside the margin) in ``data``.

    Contact slots are not tied to a pair where the model limits their number, so the pair is
    looked up at run time.
    """
    if not pairs or not data._impl.ncon:
        return jnp.zeros(len(pairs), bool)
    contact = data._impl.contact
    lookup = np.full((geoms, geoms), len(pairs))
    for index, (a, b) in enumerate(pairs):
        lookup[a, b] = lookup[b, a] = index
    slots = jnp.asarray(lookup)[contact.geom[:, 0], contact.geom[:, 1]]
    active = contact.dist < contact.includemargin
    return jnp.zeros(len(pairs) + 1, bool).at[slots].max(active)[:-1]


def active_constraints(data: mjx.Data) -> Bool[Array, " rows"]:
    """Which friction losses slide and which limits push.

    Friction loss is a force bounded by the joint's constant; below the bound the joint
    sticks, at the bound it slides.
    """
    first, count = int(data._impl.ne), named_row_count(data)
    if not count:
        return jnp.zeros(0, bool)
    rows = slice(first, first + count)
    force = jnp.abs(data._impl.efc_force[rows])
    friction = jnp.arange(count) < data._impl.nf
    bound = jnp.where(friction, data._impl.efc_frictionloss[rows], 0.0)
    return (force >= bound) & (force > 0)


def pieces(model: mujoco.MjModel, data: mjx.Data) -> Int8[Array, " rows"]:
    """On which piece of the dynamics a simulator step was, a row for each of what has several.

    First come the constraints, contacts included: the solver's cost is quadratic piece by piece.
    A friction loss sticks (0) or slides one way or the other (1, -1), whatever the sign of a force
    below its bound; a limit or contact pushes or does not; an equality has one piece. Then come
    the ``limited_forces``: within their range (0), or at one of its ends (1, -1).
    """
    impl = data._impl
    rows = jnp.arange(impl.efc_force.shape[0])
    slides = jnp.sign(impl.efc_force) * (jnp.abs(impl.efc_force) >= impl.efc_frictionloss)
    pushes = (impl.efc_force != 0) & (rows >= impl.ne + impl.nf)
    friction = (rows >= impl.ne) & (rows < impl.ne + impl.nf)
    constraints = jnp.where(friction, slides, pushes).astype(jnp.int8)
    actuators, joints = limited_forces(model)
    dofs = model.jnt_dofadr[joints]
    force = jnp.concatenate([data.actuator_force[actuators], data.qfrc_actuator[dofs]])
    low, high = np.concatenate(
        [model.actuator_forcerange[actuators], model.jnt_actfrcrange[joints]]
    ).T
    ends = (force >= high).astype(jnp.int8) - (force <= low).astype(jnp.int8)
    return jnp.concatenate([constraints, ends])


def limited_forces(
    model: mujoco.MjModel,
) -> tuple[Int[np.ndarray, " actuators"], Int[np.ndarray, " joints"]]:
    """The actuators whose force has a range, and the joints on which actuators together have."""
    return np.flatnonzero(model.actuator_forcelimited), np.flatnonzero(model.jnt_actfrclimited)
