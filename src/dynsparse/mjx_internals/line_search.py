"""The derivative of MJX's line search by that of the minimum it finds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from mujoco import mjx
from mujoco.mjx._src import solver, support

from dynsparse.mjx_internals.replacing import only_tangent, replaced, without_tangents

Length = Float[Array, ""]


@contextmanager
def searches_by_their_minimum() -> Iterator[None]:
    """Let MJX differentiate its line searches by the implicit function theorem, while tracing.

    A search for the minimum of the cost along a direction ends where its slope is zero, whatever
    way it went: ``d length = -d slope / curvature``. Values stay as they are. A search that was
    cut off before its minimum has no such derivative: its tangents are not a number, so that
    such a sample shows itself. Pyramidal cones only.
    """
    with replaced(solver, _linesearch=partial(_search, solver._linesearch)):
        yield


def _search(shipped: Callable[..., Any], model: mjx.Model, data: mjx.Data, context: Any) -> Any:
    found = shipped(model, *without_tangents((data, context)))
    direction = context.search
    inertia, rows = support.mul_m(model, data, direction), data._impl.efc_J @ direction

    def moved(length: Length) -> Any:
        return context.replace(
            qacc=context.qacc + length * direction,
            Ma=context.Ma + length * inertia,
            Jaref=context.Jaref + length * rows,
        )

    def slope(length: Length) -> Length:
        there = solver._update_constraint(model, data, moved(length))
        return direction @ (there.Ma - data.qfrc_smooth) - rows @ there.efc_force

    length = _length(*without_tangents((found.qacc - context.qacc, direction)))
    minimum = _minimum(slope, length)
    # A search that does not improve the cost moves nowhere, for neighbouring inputs neither.
    there = moved(jnp.where(length == 0, 0.0, minimum))
    return context.replace(
        qacc=found.qacc + only_tangent(there.qacc),
        Ma=found.Ma + only_tangent(there.Ma),
        Jaref=found.Jaref + only_tangent(there.Jaref),
    )


def _length(step: Float[Array, " nv"], direction: Float[Array, " nv"]) -> Length:
    """How often ``direction`` goes into ``step``, a multiple of it."""
    squared = direction @ direction
    return step @ direction / jnp.where(squared == 0, 1.0, squared)


def _minimum(slope: Callable[[Length], Length], length: Length) -> Length:
    """``length``, with the derivative of the root of ``slope`` that it is; not a number if not.

    The slope is linear from kink to kink, so that Newton's method finds its root in one step: a
    search is at its minimum if another step does not change half of the digits.
    """
    rest = jnp.abs(jax.lax.stop_gradient(slope(length)))
    share = jnp.finfo(length.dtype).eps ** 0.5

    def solve(linear: Callable[[Length], Length], right: Length) -> Length:
        curvature = linear(jnp.ones_like(right))
        reached = rest <= share * jnp.abs(length) * curvature
        return jnp.where(reached, right / curvature, jnp.nan)

    return jax.lax.custom_root(slope, length, lambda _, guess: guess, solve)
