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
    Steps,
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
        after, facts, _ = dynamics.described(given)
        found, _ = differences(dynamics, given, WIDTHS)
        return after, found.jacobian, known_elements(found), tuple(facts)

    after, jacobian, known, facts = in_batches(program, tuple(sample), BATCH, advance)
    return Derived(after, jacobian, known, Facts(*facts))


def differences(
    dynamics: EngineDynamics, sample: Sample, widths: Sequence[float]
) -> tuple[Differences, Bool[np.ndarray, "samples state inputs"]]:
    """Central differences of a batch of control steps over several widths, and where they bend.

    The bound of an element is at least half of what its slope may jump by at the sample itself: a
    control at the end of its range, a tendon at rest. There central differences of all widths
    agree on the mean of two slopes, neither of which it is. An element bends where that jump is
    seen, and is more than all else that its difference is uncertain by.
    """
    data = mujoco.MjData(dynamics.mj_model)

    def steps(*inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        state, action, memory = inputs
        return dynamics.pieces(data, Sample(state, memory, action, sample.held))

    around = _around(steps, sample, widths)
    straight, jumps = _straightened(around), _slope_jumps(around) / 2
    found = central_differences(
        lambda *inputs: straight[_key(*inputs)],
        *(sample.state, sample.action, sample.memory),
        widths=widths,
    )
    bends = np.moveaxis(_bent(around), 0, 2) & (jumps > found.bound)
    return found._replace(bound=np.maximum(found.bound, jumps)), bends


class _Around(NamedTuple):
    """What samples are differentiated by: every input moved by every width, to both sides.

    Attributes:
        widths: half the distance of two sides.
        keys: what was moved, by width, input and side.
        after: the next states there.
        pieces: of the dynamics, on which those are.
        centre: key, next states and pieces of the samples themselves.
    """

    widths: Float[np.ndarray, " widths"]
    keys: list[bytes]
    after: Float[np.ndarray, "widths inputs 2 samples state"]
    pieces: list[np.ndarray]
    centre: tuple[bytes, np.ndarray, np.ndarray]

    def bends(self) -> Float[np.ndarray, "widths inputs samples state"]:
        """Second differences."""
        return self.after.sum(axis=2) - 2 * self.centre[1]


def _around(steps: Steps, sample: Sample, widths: Sequence[float]) -> _Around:
    inputs = np.concatenate([sample.state, sample.action], axis=1)
    size, states = inputs.shape[1], sample.state.shape[1]
    # As ``central_differences`` moves them, to the last bit.
    moved = [
        np.split(inputs + side * shift, [states], axis=1)
        for width in widths
        for shift in width * np.eye(size)
        for side in (1, -1)
    ]
    found = [steps(*each, sample.memory) for each in moved]
    after = np.array([each for each, _ in found])
    return _Around(
        np.array(widths),
        [_key(*each) for each in moved],
        after.reshape(len(widths), size, 2, *after.shape[1:]),
        [pieces for _, pieces in found],
        (_key(sample.state, sample.action), *steps(sample.state, sample.action, sample.memory)),
    )


def _key(state: np.ndarray, action: np.ndarray, _: Any = None) -> bytes:
    return state.tobytes() + action.tobytes()


def _slope_jumps(around: _Around) -> Float[np.ndarray, "samples state inputs"]:
    """By how much each slope may jump at the samples, at most.

    The slopes of both sides differ by the second difference over the width. By curvature they
    differ less the smaller that is, by a jump they do not: it is what they differ by at least, and
    what is left at no width at all if curvature is the same at two. Rounding can hide a jump at
    one width by chance; hence the larger of every two neighbours.
    """
    apart = around.bends() / around.widths[:, None, None, None]
    wider = around.widths[1] / around.widths[0]
    left = (wider * apart[:-1] - apart[1:]) / (wider - 1)
    least = [
        np.fmin.reduce(np.maximum(np.abs(each[:-1]), np.abs(each[1:]))) for each in (apart, left)
    ]
    return np.moveaxis(np.fmin(*least), 0, 2)


def _bent(around: _Around) -> Bool[np.ndarray, "inputs samples state"]:
    """Where the slopes of both sides differ by the same over three widths.

    Curvature and rounding would make it a tenth, or ten times as much, from one to the next.
    """
    apart = (around.bends() / around.widths[:, None, None, None])[1:]
    low, high = apart.min(axis=0), apart.max(axis=0)
    return np.asarray(high - low < 0.1 * np.minimum(np.abs(low), np.abs(high)))


def _straightened(around: _Around) -> dict[bytes, tuple[np.ndarray, np.ndarray]]:
    """Next states by what was moved, without the bends at samples: rounding is what is left.

    ``central_differences`` sees in second differences how good its values are. Slopes stay.
    """
    bends = np.where(_bent(around), around.bends(), 0.0)
    after = around.after - bends[:, :, None] / 2
    values = [*after.reshape(-1, *after.shape[3:]), around.centre[1]]
    pieces = [*around.pieces, around.centre[2]]
    keys = [*around.keys, around.centre[0]]
    return dict(zip(keys, zip(values, pieces, strict=True), strict=True))


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

    # Not a number times nothing is not a number.
    found = both(np.where(derived.element_ok, derived.jacobian, 0.0))
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
