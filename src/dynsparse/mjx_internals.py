"""The one place that touches what MJX does not document; a test holds it to the release.

Everything here is written for the layout of ``mjx.Data`` of the JAX implementation.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jaxtyping import Array, Bool, Float
from mujoco import mjx
from mujoco.mjx._src import collision_driver, math, scan, solver, support

from dynsparse.errors import DynsparseError


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


def solver_converged(model: mjx.Model, data: mjx.Data) -> Bool[Array, ""]:
    """Whether the constraint solver of the simulator step that led to ``data`` was done.

    Done means that the optimum is reached (``_reached``), not that the solver took itself to be
    done. The step moves positions and velocities on, but leaves the accelerations and
    constraints that it solved.
    """
    if not data._impl.efc_J.shape[0]:
        return jnp.array(True)
    data = without_tangents(data)
    return _reached(model, _newton_step(model, data, data.qacc).improvement)


def without_tangents(data: mjx.Data) -> mjx.Data:
    """``data`` through which no derivative flows."""
    return jax.tree_util.tree_map(jax.lax.stop_gradient, data)


@contextmanager
def settled_line_search() -> Iterator[None]:
    """Let MJX's line search keep the minimum that it has found, while tracing.

    As shipped, a point takes an end of the search's bracket only if the cost's slope there has
    the sign of that end. At the exact minimum the slope is rounding, so that its sign, hence
    whether the minimum is kept or thrown away, differs from one compiled program to the next:
    in BallInCup a fifth of an expert's steps depend on it. Here a slope below the search's own
    tolerance counts as the smallest negative one, so that the minimum is always kept
    (docs/jacobians.md).
    """
    point = solver._LSPoint
    shipped = point.create

    def create(model: mjx.Model, data: mjx.Data, context: Any, *rest: Any) -> Any:
        found = shipped(model, data, context, *rest)
        step = jnp.linalg.norm(context.search) * model.stat.meaninertia * max(1, model.nv)
        flat = jnp.abs(found.deriv_0) <= model.opt.tolerance * model.opt.ls_tolerance * step
        smallest = -jnp.finfo(found.deriv_0.dtype).tiny
        return found.replace(deriv_0=jnp.where(flat, smallest, found.deriv_0))

    point.create = create
    try:
        yield
    finally:
        point.create = shipped


@contextmanager
def exact_solver_norm() -> Iterator[None]:
    """Let MJX's solver measure its gradient as it is, while tracing.

    As shipped, the norm of a vector is zero where no component exceeds 1e-8, so that the solver
    takes itself to be done. Light bodies have gradients that small: in some of SwimmerSwimmer6's
    steps a joint's limit does not push, and the derivative is not the optimum's
    (docs/jacobians.md).
    """
    shipped = solver.math
    solver.math = SimpleNamespace(**{**vars(shipped), "norm": _exact_norm})
    try:
        yield
    finally:
        solver.math = shipped


def _exact_norm(x: Float[Array, " n"]) -> Float[Array, ""]:
    """The Euclidean norm, with a derivative of zero at zero."""
    zero = jnp.all(x == 0)
    return jnp.where(zero, 0.0, jnp.linalg.norm(jnp.where(zero, 1.0, x)))


@contextmanager
def bodies_computed_once() -> Iterator[None]:
    """Let XLA compute what each body hands to its children once, while tracing.

    As shipped, XLA on a CPU fuses the recursion over the kinematic tree into what uses it, and
    computes a body's pose anew for every body behind it: SwimmerSwimmer6's chain of seven makes
    the step 60 times slower (docs/jacobians.md). A barrier between bodies changes no value.
    """
    shipped = scan.body_tree

    def body_tree(model: mjx.Model, function: Callable[..., Any], *rest: Any, **named: Any) -> Any:
        def settled(*inputs: Any) -> Any:
            return jax.lax.optimization_barrier(function(*inputs))

        return shipped(model, settled, *rest, **named)

    scan.body_tree = body_tree
    try:
        yield
    finally:
        scan.body_tree = shipped


@contextmanager
def exact_closest_points() -> Iterator[None]:
    """Let MJX find closest points on segments as MuJoCo's C engine does, while tracing.

    As shipped, it divides by a squared length plus 1e-6, which turns the normals of small
    capsules' contacts by some 1e-4 rad (docs/jacobians.md).
    """
    shipped = math.closest_segment_point, math.closest_segment_to_segment_points
    math.closest_segment_point = _closest_on_segment
    math.closest_segment_to_segment_points = _closest_between_segments
    try:
        yield
    finally:
        math.closest_segment_point, math.closest_segment_to_segment_points = shipped


Point = Float[Array, "3"]


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


Solve = Callable[[mjx.Model, mjx.Data], mjx.Data]
SolveRule = Callable[[Solve, mjx.Model, mjx.Data], mjx.Data]


@contextmanager
def solver_rule(rule: SolveRule) -> Iterator[None]:
    """Let MJX solve its constraints by ``rule(shipped_solve, model, data)`` while tracing."""
    shipped = solver.solve

    def solve(model: mjx.Model, data: mjx.Data) -> mjx.Data:
        return rule(shipped, model, data)

    solver.solve = solve
    try:
        yield
    finally:
        solver.solve = shipped


def unrolled_solve(shipped: Solve, model: mjx.Model, data: mjx.Data) -> mjx.Data:
    """MJX's solution with the derivative of its loop as it ran."""
    return shipped(model, data)


def known_solution(after: mjx.Data) -> SolveRule:
    """The rule that takes the solution from ``after``, what the same simulator step led to.

    Its derivative is that of the optimum, so that nothing of the solver is differentiated, and
    the step can be differentiated many times for one solution.

    Raises:
        DynsparseError: while tracing, where the step solves more than once.
    """

    def solve(_: Solve, model: mjx.Model, data: mjx.Data) -> mjx.Data:
        if model.opt.integrator == int(mujoco.mjtIntegrator.mjINT_RK4):
            raise DynsparseError(
                "jacobian.method implicit and hybrid (auto) need a simulator step that solves its"
                " constraints once; with the integrator RK4 use unrolled"
            )
        return _with_optimum_tangents(model, data, after)[0]

    return solve


def hybrid_solve(shipped: Solve, model: mjx.Model, data: mjx.Data) -> mjx.Data:
    """The optimum's derivative where the solver reached it, the loop's where it was cut off.

    Reached means what ``solver_converged`` means by it.
    """
    solved = shipped(model, data)
    at_optimum, improvement = _with_optimum_tangents(model, data, solved)
    reached = _reached(model, improvement)
    return jax.tree_util.tree_map(lambda a, b: jnp.where(reached, a, b), at_optimum, solved)


def _with_optimum_tangents(
    model: mjx.Model, data: mjx.Data, solved: mjx.Data
) -> tuple[mjx.Data, Float[Array, ""]]:
    """The solution in ``solved`` with the optimum's tangents, and its distance from the optimum.

    At the optimum the cost's gradient vanishes, g(q; theta) = 0, hence dq = -H^-1 dg (implicit
    function theorem). Values stay as they are. The distance is half the Newton decrement: the
    improvement of the scaled cost that another Newton iteration would bring.
    """
    if model.opt.cone != mjx.ConeType.PYRAMIDAL:
        raise DynsparseError(
            "jacobian.method implicit and hybrid (auto) need pyramidal friction cones; with"
            " elliptic ones use unrolled"
        )
    qacc = jax.lax.stop_gradient(solved.qacc)
    context, jacobian, weight, newton_step, improvement = _newton_step(model, data, qacc)

    tangent = -_only_tangent(newton_step)
    answer = weight * (jacobian @ tangent)  # of the constraints to the moved acceleration
    force = _only_tangent(context.efc_force) - answer
    joint_force = _only_tangent(context.qfrc_constraint) - jacobian.T @ answer
    values = jax.lax.stop_gradient((solved.qfrc_constraint, solved._impl.efc_force))
    tangents = {
        "qacc": qacc + tangent,
        "qfrc_constraint": values[0] + joint_force,
        "_impl.efc_force": values[1] + force,
    }
    return data.tree_replace(tangents), improvement


def _reached(model: mjx.Model, improvement: Float[Array, ""]) -> Bool[Array, ""]:
    """Whether what another Newton iteration would improve is next to nothing.

    The solver stops below its tolerance. A solve that was cut off can be below it too, by chance,
    with a Newton step still to go that the loop's derivative sees and the optimum's does not: a
    foot of WalkerRun's at 0.024 of the tolerance. A Newton step that has arrived, on a cost that
    is quadratic piece by piece, leaves rounding; in float32 that is as much as the tolerance.
    """
    share = 1e-5 if improvement.dtype == jnp.float64 else 1.0
    return improvement < share * model.opt.tolerance


class _NewtonStep(NamedTuple):
    """The next iteration of Newton's method, Hessian and constraint Jacobian held fixed."""

    context: Any
    jacobian: Float[Array, "rows nv"]
    weight: Float[Array, " rows"]
    step: Float[Array, " nv"]
    improvement: Float[Array, ""]


def _newton_step(model: mjx.Model, data: mjx.Data, qacc: Float[Array, " nv"]) -> _NewtonStep:
    context = solver.Context.create(model, data.replace(qacc=qacc), grad=False)
    gradient = context.Ma - data.qfrc_smooth - context.qfrc_constraint
    jacobian, weight = jax.lax.stop_gradient((data._impl.efc_J, data._impl.efc_D * context.active))
    hessian = support.full_m(model, without_tangents(data)) + (jacobian.T * weight) @ jacobian
    step = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(hessian), gradient)
    scale = model.stat.meaninertia * max(1, model.nv)
    improvement = jax.lax.stop_gradient(gradient @ step) / (2 * scale)
    return _NewtonStep(context, jacobian, weight, step, improvement)


def _only_tangent(x: Array) -> Array:
    """Zero in value, ``x`` in derivative."""
    return x - jax.lax.stop_gradient(x)
