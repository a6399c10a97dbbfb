"""What happened in a simulator step, as ``mjx.Data`` tells it."""

import jax.numpy as jnp
import mujoco
import numpy as np
from jaxtyping import Array, Bool
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


def acting_rows(data: mjx.Data) -> Bool[Array, " rows"]:
    """Which constraint rows, contacts included, exert a force."""
    return data._impl.efc_force != 0
