"""Derivatives that MJX leaves out where a rotation or a tendon has no length.

Its ``norm`` is zero, with a derivative of zero, where no component exceeds 1e-8. What is divided
by it has then no derivative either, although the whole is smooth.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import jax.numpy as jnp
import mujoco
from jaxtyping import Array, Float
from mujoco.mjx._src import math, smooth

from dynsparse.mjx_internals.replacing import replaced, with_norm

Vector = Float[Array, "3"]
Quaternion = Float[Array, "4"]
Scalar = Float[Array, ""]

# Where the square of an angle is below it, series of three terms are as good as float64.
SMALL = 1e-6
# In a root of squares it changes no length above 1e-4, and float32 holds its square.
NO_LENGTH = 1e-12


@contextmanager
def smooth_at_rest(model: mujoco.MjModel) -> Iterator[None]:
    """Let rotations and cords have a derivative where they have no length, while tracing.

    - A free body or a ball joint that does not turn: what acts on its velocity acts on its
      orientation. As shipped these elements are zero (docs/mjx.md).
    - A ball joint in the pose in which its spring is at rest.
    - A cord whose ends meet: it has the length NO_LENGTH there, and no direction. Other tendons
      pull there all the same, in a direction that jumps: they stay as MJX has them.

    Args:
        model: whose tendons are asked whether they are cords.
    """
    rotations = replaced(math, quat_integrate=_turned, quat_to_axis_angle=_rotation)
    cords = with_norm(smooth, _length) if only_cords(model) else nullcontext()
    with rotations, cords:
        yield


def only_cords(model: mujoco.MjModel) -> bool:
    """Whether all tendons pull with springs of no length alone, so that no pull is left at none."""
    sprung = (model.tendon_stiffness > 0) & (model.tendon_lengthspring[:, 1] > 0)
    others = (
        model.tendon_damping,
        model.tendon_armature,
        model.tendon_frictionloss,
        model.tendon_limited,
        model.actuator_trntype == mujoco.mjtTrn.mjTRN_TENDON,
        model.eq_type == mujoco.mjtEq.mjEQ_TENDON,
    )
    return not sprung.any() and not any(each.any() for each in others)


def _turned(q: Quaternion, velocity: Vector, dt: Scalar) -> Quaternion:
    """An orientation after ``dt`` at an angular velocity in the body's own frame."""
    half = velocity * dt / 2
    square = half @ half
    small = square < SMALL
    angle = jnp.sqrt(jnp.where(small, 1.0, square))
    cosine = jnp.where(small, 1 - square / 2 + square**2 / 24, jnp.cos(angle))
    share = jnp.where(small, 1 - square / 6 + square**2 / 120, jnp.sin(angle) / angle)
    return math.normalize(math.quat_mul(q, jnp.concatenate([cosine[None], share * half])))


def _rotation(q: Quaternion) -> tuple[Vector, Scalar]:
    """A rotation's vector, and 1: all of MJX asks for the product of axis and angle alone."""
    real, vector = jnp.abs(q[0]), q[1:]
    square = vector @ vector
    # No quaternion at all is taken for no rotation.
    real = jnp.where(square + real**2 == 0, 1.0, real)
    small = square < SMALL * real**2
    sine = jnp.sqrt(jnp.where(small, 1.0, square))
    ratio = jnp.where(small, square / jnp.where(small, real, 1.0) ** 2, 0.0)
    series = (1 - ratio / 3 + ratio**2 / 5) / jnp.where(small, real, 1.0)
    half = jnp.where(small, series, jnp.arctan2(sine, real) / sine)
    # The same rotation has two quaternions; the shorter way round is meant.
    return jnp.where(q[0] < 0, -2.0, 2.0) * half * vector, jnp.ones((), q.dtype)


def _length(x: Vector) -> Scalar:
    return jnp.sqrt(x @ x + NO_LENGTH**2)
