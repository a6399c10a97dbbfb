"""Jacobians of recorded steps, held against differences of other widths than they were made by."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from dynsparse.c_engine.derivatives import (
    BATCH,
    OTHER_WIDTHS,
    UNDECIDED,
    differences,
    known_elements,
)
from dynsparse.c_engine.dynamics import EngineDynamics
from dynsparse.c_engine.layout import Sample
from dynsparse.jacobians import in_batches
from dynsparse.verification.differences import (
    CERTAIN,
    Differences,
    error_against,
    judge_elements,
)


class Compared(NamedTuple):
    """What differences of other widths say of each element of some Jacobians.

    Attributes:
        compared: called known, and decided by these widths.
        wrong: of those, the elements that are another number, or none.
        missed: wrong, and zero here alone.
        invented: wrong, and zero there alone.
        undecided: called known, and not decided by these widths.
        open: called unknown, and decided by these widths.
        error: of what is compared, relative to the sample's largest difference if that exceeds
            one; zero elsewhere.
        excess: the error, in units of what the differences allow; likewise.
    """

    compared: Bool[np.ndarray, "samples state inputs"]
    wrong: Bool[np.ndarray, "samples state inputs"]
    missed: Bool[np.ndarray, "samples state inputs"]
    invented: Bool[np.ndarray, "samples state inputs"]
    undecided: Bool[np.ndarray, "samples state inputs"]
    open: Bool[np.ndarray, "samples state inputs"]
    error: Float[np.ndarray, "samples state inputs"]
    excess: Float[np.ndarray, "samples state inputs"]


def compare(
    dynamics: EngineDynamics,
    sample: Sample,
    known: Bool[np.ndarray, "samples state inputs"],
    jacobian: Float[np.ndarray, "samples state inputs"],
) -> Compared:
    """Hold Jacobians against central differences of other widths.

    Args:
        dynamics: of the steps.
        sample: what the steps depended on.
        known: which elements are said to have a derivative.
        jacobian: what is said of it.
    """

    def program(*parts: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        found, bends = differences(dynamics, Sample(*parts), OTHER_WIDTHS)
        return tuple(found), bends

    parts, bends = in_batches(program, tuple(sample), BATCH)
    reference = Differences(*parts)
    told = known_elements(reference)
    decided = known & told
    # Across a jump a difference is of any size, by which nothing else may be measured.
    reference = reference._replace(jacobian=np.where(decided, reference.jacobian, 0.0))
    # Differences are held against differences, neither of which promises more than it can.
    judged = judge_elements(jacobian, reference, CERTAIN)
    missed, invented = _other_zeros(jacobian, reference)
    no_derivative = known & bends & ~told
    return Compared(
        compared=decided | (known & bends),
        wrong=(decided & (judged.wrong | missed | invented)) | no_derivative,
        missed=decided & missed,
        invented=decided & invented,
        undecided=known & ~told & ~bends,
        open=told & ~known,
        error=np.where(decided, error_against(jacobian, reference), 0.0),
        excess=np.where(no_derivative, np.inf, np.where(decided, judged.excess, 0.0)),
    )


def _other_zeros(
    jacobian: Float[np.ndarray, "samples state inputs"], reference: Differences
) -> tuple[Bool[np.ndarray, "samples state inputs"], Bool[np.ndarray, "samples state inputs"]]:
    """Zeros that are none, and nonzeros that are, however small beside the largest element.

    Where an output does not move at all, a file may differ by the rounding of its own widths
    alone. They are a third of these, and another of them may have been the best.
    """
    low, high = UNDECIDED
    found, size = np.abs(jacobian), np.abs(reference.jacobian)
    moved = (size == 0) & (found > np.maximum(low, 10 * reference.bound))
    return (found < low) & (size - reference.bound > high), moved
