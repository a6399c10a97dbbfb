"""Rules by which MJX's solver is differentiated, and what it takes for done."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float
from mujoco import mjx
from mujoco.mjx._src import solver

from dynsparse.errors import DynsparseError
from dynsparse.mjx_internals.replacing import only_tangent, replaced, without_tangents
from dynsparse.mjx_internals.solves import hessian_factor


def solver_converged(model: mjx.Model, before: mjx.Data, after: mjx.Data) -> Bool[Array, ""]:
    """Whether the constraint solver was done that led from ``before`` to ``after``.

    Done means that the optimum is reached (``_reached``), not that the solver took itself to be
    done. What follows the solve in a step moves positions and velocities on, but leaves the
    accelerations and constraints that it solved.
    """
    if not after._impl.efc_J.shape[0]:
        return jnp.array(True)
    after = without_tangents(after)
    starts = (before.qacc_warmstart, after.qacc_smooth)
    return _reached(model, starts, after, _newton_step(model, after, after.qacc).improvement)


# The optimum is reached where another Newton iteration would improve the scaled cost by less than
# this share of the solver's tolerance, and by less than this, in float64 (``_reached`` says why).
REACHED_SHARE = 1e-5
ARRIVED = 1e-18

Solve = Callable[[mjx.Model, mjx.Data], mjx.Data]
SolveRule = Callable[[Solve, mjx.Model, mjx.Data], mjx.Data]


def solver_rule(rule: SolveRule) -> AbstractContextManager[None]:
    """Let MJX solve its constraints by ``rule(shipped_solve, model, data)`` while tracing."""
    shipped = solver.solve

    def solve(model: mjx.Model, data: mjx.Data) -> mjx.Data:
        return rule(shipped, model, data)

    return replaced(solver, solve=solve)


def unrolled_solve(shipped: Solve, model: mjx.Model, data: mjx.Data) -> mjx.Data:
    """MJX's solution with the derivative of its loop as it ran."""
    return shipped(model, data)


def known_solution(after: mjx.Data) -> SolveRule:
    """The rule that takes the solution from ``after``, the data as the same solve left them.

    Its derivative is that of the optimum, so that nothing of the solver is differentiated, and
    the step can be differentiated many times for one solution.

    Raises:
        DynsparseError: while tracing, see ``_check_model``.
    """

    def solve(_: Solve, model: mjx.Model, data: mjx.Data) -> mjx.Data:
        _check_model(model)
        return _with_optimum_tangents(model, data, after)[0]

    return solve


def hybrid_solve(shipped: Solve, model: mjx.Model, data: mjx.Data) -> mjx.Data:
    """The optimum's derivative where the solver reached it, the loop's where it was cut off.

    Reached means what ``solver_converged`` means by it.

    Raises:
        DynsparseError: while tracing, see ``_check_model``.
    """
    _check_model(model)
    solved = shipped(model, data)
    at_optimum, improvement = _with_optimum_tangents(model, data, solved)
    starts = (data.qacc_warmstart, data.qacc_smooth)
    reached = _reached(model, starts, solved, improvement)
    return jax.tree_util.tree_map(lambda a, b: jnp.where(reached, a, b), at_optimum, solved)


def _check_model(model: mjx.Model) -> None:
    """Refuse a cost that is not quadratic piece by piece."""
    if model.opt.cone != mjx.ConeType.PYRAMIDAL:
        raise DynsparseError(
            "jacobian.method implicit and hybrid (auto) need pyramidal friction cones; with"
            " elliptic ones use unrolled"
        )


def _with_optimum_tangents(
    model: mjx.Model, data: mjx.Data, solved: mjx.Data
) -> tuple[mjx.Data, Float[Array, ""]]:
    """The solution in ``solved`` with the optimum's tangents, and its distance from the optimum.

    At the optimum the cost's gradient vanishes, g(q; theta) = 0, hence dq = -H^-1 dg (implicit
    function theorem). Values stay as they are. The distance is half the Newton decrement: the
    improvement of the scaled cost that another Newton iteration would bring.
    """
    qacc = jax.lax.stop_gradient(solved.qacc)
    context, jacobian, weight, newton_step, improvement = _newton_step(model, data, qacc)

    tangent = -only_tangent(newton_step)
    answer = weight * (jacobian @ tangent)  # of the constraints to the moved acceleration
    force = only_tangent(context.efc_force) - answer
    joint_force = only_tangent(context.qfrc_constraint) - jacobian.T @ answer
    values = without_tangents((solved.qfrc_constraint, solved._impl.efc_force))
    tangents = {
        "qacc": qacc + tangent,
        "qfrc_constraint": values[0] + joint_force,
        "_impl.efc_force": values[1] + force,
    }
    return data.tree_replace(tangents), improvement


def _reached(
    model: mjx.Model,
    starts: tuple[Float[Array, " nv"], Float[Array, " nv"]],
    solved: mjx.Data,
    improvement: Float[Array, ""],
) -> Bool[Array, ""]:
    """Whether what another Newton iteration would improve is next to nothing.

    The solver stops below its tolerance. A solve that was cut off can be below it too, by chance,
    with a Newton step still to go that the loop's derivative sees and the optimum's does not: a
    foot of WalkerRun's at 0.024 of the tolerance, a joint's limit of SwimmerSwimmer6's at 1e-6. A
    Newton step that has arrived, on a cost that is quadratic piece by piece, leaves rounding: in
    the environments of the default study at most 1e-21, where the closest that was cut off left
    1e-14. A solver that takes one of its ``starts`` as it is has not cut anything off. In float32
    rounding is as much as the tolerance.
    """
    tolerance = model.opt.tolerance
    if improvement.dtype != jnp.float64:
        return improvement < tolerance
    stayed = jnp.array([jnp.all(solved.qacc == start) for start in starts]).any()
    return (improvement < REACHED_SHARE * tolerance) & (stayed | (improvement < ARRIVED))


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
    jacobian, weight = without_tangents((data._impl.efc_J, data._impl.efc_D * context.active))
    step = jax.scipy.linalg.cho_solve(hessian_factor(model, data, weight), gradient)
    scale = model.stat.meaninertia * max(1, model.nv)
    improvement = jax.lax.stop_gradient(gradient @ step) / (2 * scale)
    return _NewtonStep(context, jacobian, weight, step, improvement)
