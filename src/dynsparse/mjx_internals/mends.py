"""What is mended in MJX's step while it is traced; values change where MJX errs, and only there."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
from jaxtyping import Array, Float
from mujoco import mjx
from mujoco.mjx._src import collision_driver, collision_primitive, derivative, math, scan, solver
from mujoco.mjx._src.collision_types import GeomInfo

from dynsparse.mjx_internals.replacing import replaced, with_norm


def settled_line_search() -> AbstractContextManager[None]:
    """Let MJX's line search keep the minimum that it has found, while tracing.

    As shipped, a point takes an end of the search's bracket only if the cost's slope there has
    the sign of that end. At the exact minimum the slope is rounding, so that its sign, hence
    whether the minimum is kept or thrown away, differs from one compiled program to the next:
    in BallInCup a fifth of an expert's steps depend on it. Here a slope below the search's own
    tolerance counts as the smallest negative one, so that the minimum is always kept
    (docs/mjx.md).
    """
    shipped = solver._LSPoint.create

    def create(model: mjx.Model, data: mjx.Data, context: Any, *rest: Any) -> Any:
        found = shipped(model, data, context, *rest)
        step = jnp.linalg.norm(context.search) * model.stat.meaninertia * max(1, model.nv)
        flat = jnp.abs(found.deriv_0) <= model.opt.tolerance * model.opt.ls_tolerance * step
        smallest = -jnp.finfo(found.deriv_0.dtype).tiny
        return found.replace(deriv_0=jnp.where(flat, smallest, found.deriv_0))

    return replaced(solver._LSPoint, create=create)


def exact_solver_norm() -> AbstractContextManager[None]:
    """Let MJX's solver measure its gradient as it is, while tracing.

    As shipped, the norm of a vector is zero where no component exceeds 1e-8, so that the solver
    takes itself to be done. Light bodies have gradients that small: in some of SwimmerSwimmer6's
    steps a joint's limit does not push, and the derivative is not the optimum's
    (docs/mjx.md).
    """
    return with_norm(solver, _exact_norm)


def _exact_norm(x: Float[Array, " n"]) -> Float[Array, ""]:
    """The Euclidean norm, with a derivative of zero at zero."""
    zero = jnp.all(x == 0)
    return jnp.where(zero, 0.0, jnp.linalg.norm(jnp.where(zero, 1.0, x)))


def bodies_computed_once() -> AbstractContextManager[None]:
    """Let XLA compute what each body hands to its children once, while tracing.

    As shipped, XLA on a CPU fuses the recursion over the kinematic tree into what uses it, and
    computes a body's pose anew for every body behind it: SwimmerSwimmer6's chain of seven makes
    the step 60 times slower (docs/mjx.md). A barrier between bodies changes no value.
    """
    shipped = scan.body_tree

    def body_tree(model: mjx.Model, function: Callable[..., Any], *rest: Any, **named: Any) -> Any:
        def settled(*inputs: Any) -> Any:
            return jax.lax.optimization_barrier(function(*inputs))

        return shipped(model, settled, *rest, **named)

    return replaced(scan, body_tree=body_tree)


def exact_closest_points() -> AbstractContextManager[None]:
    """Let MJX find closest points on segments as MuJoCo's C engine does, while tracing.

    As shipped, it divides by a squared length plus 1e-6, which turns the normals of small
    capsules' contacts by some 1e-4 rad (docs/mjx.md).
    """
    return replaced(
        math,
        closest_segment_point=_closest_on_segment,
        closest_segment_to_segment_points=_closest_between_segments,
    )


def frames_along_capsules() -> AbstractContextManager[None]:
    """Let MJX turn the friction of capsules on planes as MuJoCo's C engine does, while tracing.

    Directions of friction go along the capsule. As shipped they jump to those of the world where
    it is within 30 degrees of the plane's normal, and pyramidal friction depends on them
    (docs/mjx.md).
    """
    kinds = (mjx.GeomType.PLANE, mjx.GeomType.CAPSULE)
    functions = collision_driver._COLLISION_FUNC
    return replaced(collision_driver, _COLLISION_FUNC={**functions, kinds: _plane_capsule})


def saturated_actuators() -> AbstractContextManager[None]:
    """Let MJX's integrator ``implicitfast`` leave out actuators at the limit of their force.

    Such a force does not answer to velocity. MuJoCo's C engine leaves them out; as shipped MJX
    damps by them all the same (docs/mjx.md).
    """
    shipped = derivative.deriv_smooth_vel

    def deriv_smooth_vel(model: mjx.Model, data: mjx.Data) -> Any:
        low, high = model.actuator_forcerange.T
        inside = (low < data.actuator_force) & (data.actuator_force < high)
        answers = jnp.where(model.actuator_forcelimited, inside, True)
        moment = data._impl.actuator_moment * answers[:, None]
        return shipped(model, data.replace(_impl=data._impl.replace(actuator_moment=moment)))

    return replaced(derivative, deriv_smooth_vel=deriv_smooth_vel)


Point = Float[Array, "3"]


@collision_primitive.collider(ncon=2)
def _plane_capsule(plane: GeomInfo, capsule: GeomInfo) -> tuple[Array, Array, Array]:
    normal, axis = plane.mat[:, 2], capsule.mat[:, 2]
    within = axis - normal * (normal @ axis)
    square = within @ within
    # A capsule that stands exactly upright has no direction of its own.
    upright = square < mujoco.mjMINVAL**2
    along = jnp.where(upright, jnp.eye(3)[0], within) / jnp.sqrt(jnp.where(upright, 1.0, square))
    frame = jnp.array([normal, along, jnp.cross(normal, along)])
    ends = [capsule.pos + side * axis * capsule.size[1] for side in (1, -1)]
    radius = capsule.size[0]
    found = [collision_primitive._plane_sphere(normal, plane.pos, end, radius) for end in ends]
    dist, pos = (jnp.stack(each) for each in zip(*found, strict=True))
    return dist, pos, jnp.stack([frame, frame])


def _closest_on_segment(a: Point, b: Point, point: Point) -> Point:
    along = b - a
    length_squared = jnp.maximum(along @ along, mujoco.mjMINVAL)
    return a + jnp.clip((point - a) @ along / length_squared, 0.0, 1.0) * along


def _closest_between_segments(a0: Point, a1: Point, b0: Point, b1: Point) -> tuple[Point, Point]:
    along_a, along_b, offset = a1 - a0, b1 - b0, a0 - b0
    aa, bb, ab = along_a @ along_a, along_b @ along_b, along_a @ along_b
    # Where the two lines are closest; any point does where they are parallel.
    determinant = jnp.maximum(aa * bb - ab * ab, mujoco.mjMINVAL)
    t = jnp.clip((ab * (along_b @ offset) - bb * (along_a @ offset)) / determinant, 0.0, 1.0)
    at_b = _closest_on_segment(b0, b1, a0 + t * along_a)
    # Where that is an end of b, it may be closer to another point of a.
    return _closest_on_segment(a0, a1, at_b), at_b
