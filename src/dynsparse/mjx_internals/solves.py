"""Derivatives of MJX's linear solves by products with vectors.

As shipped, JAX differentiates the Cholesky factor of every matrix, once for each direction, and
that is most of the time where the solver's loop is differentiated. ``A x = b`` itself says
``dx = A^-1 (db - dA x)``: one more solve with the factor that is there, and ``dA x`` is a chain
of products with vectors. Values stay as they are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
from jaxtyping import Array, Float
from mujoco import mjx
from mujoco.mjx._src import smooth, solver, support

from dynsparse.mjx_internals.replacing import replaced, without_tangents

Vector = Float[Array, " nv"]


@contextmanager
def solves_by_products() -> Iterator[None]:
    """Let MJX differentiate its solves by the inertia matrix and Newton's as above, while tracing.

    With elliptic cones or another solver, the solver's direction is differentiated as shipped.
    """
    inertia = {
        "factor_m": partial(_factor_m, smooth.factor_m),
        "solve_m": partial(_solve_m, smooth.solve_m),
    }
    direction = partial(_update_gradient, solver._update_gradient)
    with replaced(smooth, **inertia), replaced(solver, _update_gradient=direction):
        yield


def _factor_m(shipped: Callable[..., mjx.Data], model: mjx.Model, data: mjx.Data) -> mjx.Data:
    factored = shipped(model, without_tangents(data))._impl
    return data.tree_replace({"_impl.qLD": factored.qLD, "_impl.qLDiagInv": factored.qLDiagInv})


def _solve_m(shipped: Callable[..., Vector], model: mjx.Model, data: mjx.Data, x: Vector) -> Vector:
    still = without_tangents(data)
    return jax.lax.custom_linear_solve(
        partial(support.mul_m, model, data), x, lambda _, b: shipped(model, still, b)
    )


def _update_gradient(
    shipped: Callable[..., Any], model: mjx.Model, data: mjx.Data, context: Any
) -> Any:
    """The cost's gradient, and Newton's direction for it."""
    newton = model.opt.solver == mjx.SolverType.NEWTON
    if not newton or model.opt.cone != mjx.ConeType.PYRAMIDAL:
        return shipped(model, data, context)
    gradient = context.Ma - data.qfrc_smooth - context.qfrc_constraint
    jacobian, weight = data._impl.efc_J, data._impl.efc_D * context.active
    factor = hessian_factor(model, data, weight)

    def hessian(x: Vector) -> Vector:
        return support.mul_m(model, data, x) + jacobian.T @ (weight * (jacobian @ x))

    direction = jax.lax.custom_linear_solve(
        hessian, gradient, lambda _, b: jax.scipy.linalg.cho_solve(factor, b)
    )
    return context.replace(grad=gradient, Mgrad=direction)


def hessian_factor(
    model: mjx.Model, data: mjx.Data, weight: Float[Array, " rows"]
) -> tuple[Float[Array, "nv nv"], bool]:
    """The Cholesky factor of the cost's Hessian M + J^T diag(weight) J, without tangents.

    Made as MJX makes it, symmetrised included, so that it is the same to the last bit.
    """
    data, weight = without_tangents((data, weight))
    jacobian = data._impl.efc_J
    hessian = support.full_m(model, data) + (jacobian.T * weight) @ jacobian
    return jax.scipy.linalg.cho_factor((hessian + hessian.T) * 0.5)
