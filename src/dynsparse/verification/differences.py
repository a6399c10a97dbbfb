"""Finite differences of a control step, the referee of its Jacobians."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from dynsparse.environments import engine_steps

# Half the widths of central differences. Of each neighbouring pair the wide one is the estimate,
# and their difference tells how good it is. Wide ones have less rounding, narrow ones less
# curvature and fewer bends inside; which is better differs from element to element.
WIDTHS = (1e-8, 1e-7, 1e-6, 1e-5)

# A step's values carry some units in the last place of its largest, and more where its equations
# are ill-conditioned, as a swimmer's are. How many is seen in second differences; their upper
# quartile over the inputs is exceeded by this factor at most.
ROUNDING, ILL_CONDITIONED = 16, 8

# What is wanted of an element: to be known to this share of itself, or of the sample's largest.
RIGHT, CERTAIN = 1e-4, 1e-7

# An element is zero below this, as in the published paper.
ZERO = 1e-12

# Where all pairs of widths disagree by more than this share of the largest element (or of one),
# the step jumps.
JUMP = 1e-3

# A batch of steps: (state, action, memory) -> (next states, which piece of the dynamics each is
# on).
Steps = Callable[..., tuple[np.ndarray, np.ndarray]]


class Differences(NamedTuple):
    """Central differences of a batch of control steps.

    Attributes:
        jacobian: d next_state / d (state, action).
        bound: how far each element may be from the derivative, by curvature and rounding;
            infinite in the columns of a kink.
        kink: whether for some input both sides of every difference lie on other pieces of the
            dynamics than the sample, so that no derivative can match.
        jump: whether the differences of all widths disagree: a solver that is cut off may end
            elsewhere after the smallest change, so that the step itself has no derivative.
    """

    jacobian: Float[np.ndarray, "samples state inputs"]
    bound: Float[np.ndarray, "samples state inputs"]
    kink: Bool[np.ndarray, " samples"]
    jump: Bool[np.ndarray, " samples"]

    @property
    def smooth(self) -> Bool[np.ndarray, " samples"]:
        """Which samples have a derivative."""
        return ~(self.kink | self.jump)


class Judgement(NamedTuple):
    """What differences say of each element of a batch of Jacobians.

    Attributes:
        excess: the error, in units of what the differences allow; above one it is wrong.
        wrong: further from the difference than its bound and 1e-4 of it.
        missed: wrong, and zero here.
        invented: wrong, and zero in the differences.
        undecided: not known to 1e-4 of itself, nor to 1e-7 of the sample's largest element.
    """

    excess: Float[np.ndarray, "samples state inputs"]
    wrong: Bool[np.ndarray, "samples state inputs"]
    missed: Bool[np.ndarray, "samples state inputs"]
    invented: Bool[np.ndarray, "samples state inputs"]
    undecided: Bool[np.ndarray, "samples state inputs"]


def central_differences(
    steps: Steps,
    state: Float[np.ndarray, "samples state"],
    action: Float[np.ndarray, "samples action"],
    memory: Float[np.ndarray, "samples nv"],
    *,
    widths: Sequence[float] = WIDTHS,
) -> Differences:
    """Differences of whole control steps, one input at a time, the memory held fixed.

    ``widths`` rise by a factor of ten from one to the next.
    """
    after, pieces = steps(state, action, memory)
    inputs = np.concatenate([state, action], axis=1)

    def moved(shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Next states, and whether they lie on another piece than the samples'."""
        at, acting = steps(*np.split(inputs + shift, [state.shape[1]], axis=1), memory)
        return at, (acting != pieces).reshape(len(at), -1).any(axis=1)

    around = [_around(moved, after, inputs.shape[1], width) for width in widths]
    slopes, curvature, bent = zip(*around, strict=True)
    rounding = _rounding(after, curvature)
    jacobian, bound = slopes[0], np.full(slopes[0].shape, np.inf)
    for (narrow, wide), either, width in zip(
        pairwise(slopes), map(np.logical_or, bent, bent[1:]), widths[1:], strict=True
    ):
        error = 2 * np.abs(wide - narrow) + rounding / width
        better = (error < bound) & ~either[:, None]
        jacobian, bound = np.where(better, wide, jacobian), np.where(better, error, bound)
    kink = np.asarray(np.isinf(bound).any(axis=(1, 2)))
    rough = np.asarray((bound > JUMP * _scale(jacobian)).any(axis=(1, 2)))
    return Differences(jacobian, bound, kink, rough & ~kink)


def evaluations(samples: int, inputs: int) -> int:
    """How many control steps ``central_differences`` takes."""
    return samples * (1 + 2 * inputs * len(WIDTHS))


def _around(
    moved: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    after: Float[np.ndarray, "samples state"],
    inputs: int,
    width: float,
) -> tuple[
    Float[np.ndarray, "samples state inputs"],
    Float[np.ndarray, "samples state inputs"],
    Bool[np.ndarray, "samples inputs"],
]:
    """First and second differences, and by which inputs a side lies on another piece."""
    slopes, curvature, bent = [], [], []
    for shift in width * np.eye(inputs):
        (up, over), (down, under) = moved(shift), moved(-shift)
        slopes.append((up - down) / (2 * width))
        curvature.append(up + down - 2 * after)
        bent.append(over | under)
    return np.stack(slopes, axis=-1), np.stack(curvature, axis=-1), np.stack(bent, axis=-1)


def _rounding(
    after: Float[np.ndarray, "samples state"],
    curvature: Sequence[Float[np.ndarray, "samples state inputs"]],
) -> Float[np.ndarray, "samples state 1"]:
    """How far each value of a step may be from what exact arithmetic would give.

    Curvature is a hundredth as large in second differences of a tenth of the width; what is left
    between the two narrowest is rounding.
    """
    narrow, wide = curvature[:2]
    noise = np.abs(narrow - wide * (WIDTHS[0] / WIDTHS[1]) ** 2)
    seen = ILL_CONDITIONED * np.quantile(noise, 0.75, axis=2, keepdims=True)
    units = ROUNDING * np.finfo(after.dtype).eps * np.abs(after).max(axis=1)
    return np.maximum(seen, units[:, None, None])


def judge_elements(
    jacobian: Float[np.ndarray, "samples state inputs"],
    reference: Differences,
    resolution: float = 0.0,
) -> Judgement:
    """Hold every element against its difference and what that is good for.

    Args:
        jacobian: under test.
        reference: differences of the same samples.
        resolution: what the method under test promises no better, as a share of the largest.
    """
    found, size = np.abs(jacobian), np.abs(reference.jacobian)
    largest = size.max(axis=(1, 2), keepdims=True)
    allowed = reference.bound + RIGHT * size + resolution * largest
    # Where nothing ever moves the differences are exact, and no error may be divided by.
    excess = np.abs(jacobian - reference.jacobian) / np.maximum(allowed, np.finfo(float).tiny)
    wrong = ~(excess <= 1)  # not a number is wrong
    return Judgement(
        excess=excess,
        wrong=wrong,
        missed=wrong & (found < ZERO),
        invented=wrong & (found >= ZERO) & (size <= reference.bound),
        undecided=reference.bound > CERTAIN * largest + RIGHT * size,
    )


def error_against(
    jacobian: Float[np.ndarray, "samples state inputs"], reference: Differences
) -> Float[np.ndarray, "samples state inputs"]:
    """Error of each element, relative to the sample's largest difference if that exceeds one."""
    return np.abs(jacobian - reference.jacobian) / _scale(reference.jacobian)


def _scale(jacobian: Float[np.ndarray, "samples state inputs"]) -> Float[np.ndarray, "samples 1 1"]:
    return np.maximum(1.0, np.abs(jacobian).max(axis=(1, 2), keepdims=True))


def engine_steps_alone(model: mujoco.MjModel, substeps: int) -> Steps:
    """``engine_steps`` in the form that differences are taken of; its kinks are MJX's to find."""

    def steps(*inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        after = engine_steps(model, substeps, *inputs)
        return after, np.zeros((len(after), 0), bool)

    return steps
