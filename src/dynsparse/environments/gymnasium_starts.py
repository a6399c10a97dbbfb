"""Where episodes of Gymnasium's MuJoCo tasks begin: drawn as there, by other random numbers."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float
from mujoco import mjx

Vector = Float[Array, " n"]
# Positions and velocities; an orientation has one number more than its velocity.
Beginning = tuple[Float[Array, " nq"], Float[Array, " nv"]]
Start = Callable[[mjx.Model, jax.Array], Beginning]


def uniform_start(scale: float) -> Start:
    """Positions and velocities within ``scale`` of the model's own pose at rest."""

    def start(model: mjx.Model, key: jax.Array) -> Beginning:
        of_qpos, of_qvel = jax.random.split(key)
        qpos = model.qpos0 + _uniform(of_qpos, model.nq, scale)
        return qpos, _uniform(of_qvel, model.nv, scale)

    return start


def uniform_and_normal(scale: float) -> Start:
    """Positions within ``scale`` of the model's own, normal velocities of that deviation."""

    def start(model: mjx.Model, key: jax.Array) -> Beginning:
        of_qpos, of_qvel = jax.random.split(key)
        qpos = model.qpos0 + _uniform(of_qpos, model.nq, scale)
        return qpos, scale * jax.random.normal(of_qvel, (model.nv,))

    return start


def reacher_start(model: mjx.Model, key: jax.Array) -> Beginning:
    """An arm near its own pose, and a target at rest in a disc of 0.2 m."""
    of_qpos, of_goal, of_qvel = jax.random.split(key, 3)
    goal = _accepted(
        of_goal, jnp.array([[-0.2, 0.2]] * 2), lambda place: jnp.linalg.norm(place) < 0.2
    )
    qpos = (model.qpos0 + _uniform(of_qpos, model.nq, 0.1)).at[-2:].set(goal)
    return qpos, _uniform(of_qvel, model.nv, 0.005).at[-2:].set(0)


def pusher_start(model: mjx.Model, key: jax.Array) -> Beginning:
    """An arm in its own pose, and an object at rest that is 0.17 m or more from the goal."""
    of_object, of_qvel = jax.random.split(key)
    place = _accepted(
        of_object,
        jnp.array([[-0.3, 0.0], [-0.2, 0.2]]),
        lambda place: jnp.linalg.norm(place) > 0.17,
    )
    qpos = model.qpos0.at[-4:].set(jnp.concatenate([place, jnp.zeros(2)]))
    return qpos, _uniform(of_qvel, model.nv, 0.005).at[-4:].set(0)


def _uniform(key: jax.Array, size: int, scale: float) -> Vector:
    return jax.random.uniform(key, (size,), minval=-scale, maxval=scale)


def _accepted(
    key: jax.Array, bounds: Float[Array, "n 2"], accept: Callable[[Vector], Bool[Array, ""]]
) -> Vector:
    """A place uniform within ``bounds``, drawn until it is accepted."""

    def draw(drawn: tuple[jax.Array, Vector]) -> tuple[jax.Array, Vector]:
        key, now = jax.random.split(drawn[0])
        low, high = bounds.T
        return key, jax.random.uniform(now, low.shape, low.dtype, low, high)

    _, place = jax.lax.while_loop(lambda drawn: ~accept(drawn[1]), draw, draw((key, bounds[:, 0])))
    return place
