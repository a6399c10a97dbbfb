"""Jacobians by differences of recorded control steps, element by element as good as they are."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from dynsparse.c_engine.dynamics import EngineDynamics, Facts
from dynsparse.c_engine.layout import Sample
from dynsparse.jacobians import in_batches
from dynsparse.jacobians.tangent import (
    position_per_tangent,
    tangent_jacobians,
    tangent_per_position,
)
from dynsparse.verification.differences import (
    CERTAIN,
    RIGHT,
    WIDTHS,
    Differences,
    central_differences,
)

# Samples differentiated together: few, so that all cores have some.
BATCH = 10
# What a file is verified by: other widths than it is made by, so that what depends on them shows.
OTHER_WIDTHS = tuple(3 * width for width in WIDTHS)
# What is zero by exact derivatives is below the first here, by rounding of differences; what is
# above the second is none. Between them no difference can tell.
UNDECIDED = (1e-9, 1e-7)


class Derived(NamedTuple):
    """Control steps, their differences, and what they were like.

    Attributes:
        next_state: the states after them.
        jacobian: d next_state / d (state, action).
        element_ok: which elements are known, see ``known_elements``.
        facts: what touched and pushed, and whether the solver was done.
    """

    next_state: Float[np.ndarray, "samples state"]
    jacobian: Float[np.ndarray, "samples state inputs"]
    element_ok: Bool[np.ndarray, "samples state inputs"]
    facts: Facts


def derive(
    dynamics: EngineDynamics, sample: Sample, advance: Callable[[int], Any] = lambda count: None
) -> Derived:
    """Step and differentiate samples on all cores; memory and what is held stay as they are."""

    def program(*parts: np.ndarray) -> tuple[Any, ...]:
        given = Sample(*parts)
        after, facts = dynamics.described(given)
        found = differences(dynamics, given, WIDTHS)
        return after, found.jacobian, known_elements(found), tuple(facts)

    after, jacobian, known, facts = in_batches(program, tuple(sample), BATCH, advance)
    return Derived(after, jacobian, known, Facts(*facts))


def differences(dynamics: EngineDynamics, sample: Sample, widths: Sequence[float]) -> Differences:
    """Central differences of a batch of control steps, over several widths."""
    data = mujoco.MjData(dynamics.mj_model)

    def steps(*inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        state, action, memory = inputs
        return dynamics.pieces(data, Sample(state, memory, action, sample.held))

    return central_differences(steps, sample.state, sample.action, sample.memory, widths=widths)


def known_elements(found: Differences) -> Bool[np.ndarray, "samples state inputs"]:
    """Which elements have a derivative that differences tell.

    Known is what ``judge_elements`` calls decided: to 1e-4 of itself, or to 1e-7 of the sample's
    largest element; here of the largest that is known to 1e-4 of itself, since the difference
    across a jump can be of any size.
    """
    size = np.abs(found.jacobian)
    largest = np.where(found.bound <= RIGHT * size, size, 0.0).max(axis=(1, 2), keepdims=True)
    return found.bound <= CERTAIN * largest + RIGHT * size


def between_tangents(
    dynamics: EngineDynamics, state: Float[np.ndarray, "samples state"], derived: Derived
) -> dict[str, np.ndarray]:
    """The Jacobians in tangent space by their names in a dataset; nothing where it is the same.

    What depends on an element that is not known is not a number.
    """
    model, states = dynamics.mj_model, state.shape[1]
    if model.nq == model.nv:
        return {}

    def both(jacobian: np.ndarray) -> list[np.ndarray]:
        parts = np.split(jacobian, [states], axis=2)
        return list(tangent_jacobians(model, state, derived.next_state, *parts))

    found = both(derived.jacobian)
    lift = position_per_tangent(model, state[:, : model.nq])
    project = tangent_per_position(model, derived.next_state[:, : model.nq])
    unknown = _spread(~derived.element_ok, lift, project)
    for values, lost in zip(found, np.split(unknown, [found[0].shape[2]], axis=2), strict=True):
        values[lost] = np.nan
    return dict(zip(("tangent_state_jacobian", "tangent_action_jacobian"), found, strict=True))


def _spread(
    unknown: Bool[np.ndarray, "samples state inputs"],
    lift: Float[np.ndarray, "samples nq nv"],
    project: Float[np.ndarray, "samples nv nq"],
) -> Bool[np.ndarray, "samples tangent tangent_inputs"]:
    """Which elements in tangent space depend on unknown ones."""
    nq = lift.shape[1]
    columns = np.einsum("sij,sjk->sik", unknown[..., :nq], lift != 0)
    unknown = np.concatenate([columns, unknown[..., nq:]], axis=2)
    rows = np.einsum("sij,sjk->sik", project != 0, unknown[:, :nq])
    return np.concatenate([rows, unknown[:, nq:]], axis=1)
