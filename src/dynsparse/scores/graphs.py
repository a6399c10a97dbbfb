"""Graphs against true graphs: which elements are called zero, in which samples, and when.

Rows are samples and columns elements, as in ``ranking``. No threshold is chosen here.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

Label = Bool[np.ndarray, "samples elements"]

# A switch that is found so many steps early or late is found, in studies and in the benchmark.
LATE = 1


class Found(NamedTuple):
    """Precision, recall and their harmonic mean; NaN where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float


class ExactZeros(NamedTuple):
    """How zeros that were called without a threshold compare with the true ones.

    Attributes:
        precision: the share of called zeros that are zero.
        recall: the share of zeros that are called so.
        f1: the harmonic mean of both.
        samples: the share of samples with not one element wrong.
    """

    precision: float
    recall: float
    f1: float
    samples: float


def found(called: Label, true: Label) -> Found:
    """Precision, recall and F1 of what is called, all samples and elements together."""
    right, said, there = int((called & true).sum()), int(called.sum()), int(true.sum())
    return Found(_ratio(right, said), _ratio(right, there), _ratio(2 * right, said + there))


def f1_score(called: Label, zero: Label) -> float:
    """Harmonic mean of precision and recall of "zero"; NaN where nothing is or is called zero."""
    return found(called, zero).f1


def hamming_distance(called: Label, zero: Label) -> float:
    """Structural Hamming distance: wrongly labelled elements per sample."""
    return float((called != zero).sum() / max(len(zero), 1))


def skill(distance: float, of_mean_pattern: float) -> float:
    """Skill over the mean pattern: 1 - distance / distance of the mean pattern.

    The mean pattern has 0, the truth 1, and what is worse than the mean pattern less than 0. NaN
    where the mean pattern makes no error: there is nothing to be better at.
    """
    return 1 - distance / of_mean_pattern if of_mean_pattern > 0 else float("nan")


def exact_zeros(called: Label, zero: Label) -> ExactZeros:
    """Zeros of a model that has exact ones, or of its own graph."""
    return ExactZeros(
        *found(called, zero), _ratio(int((called == zero).all(axis=1).sum()), len(zero))
    )


def change_detection(
    called: Label, zero: Label, follows: Bool[np.ndarray, " samples"], late: int = 0
) -> Found:
    """Precision, recall and F1 of the elements that switch between consecutive steps.

    A switch is right in the same element and direction, ``late`` steps early or late at most.

    Args:
        called, zero: as everywhere; samples of an episode in the order of its steps.
        follows: whether a sample is the step after the one in the row above.
        late: how far a switch may be from a true one, and a true one from it.
    """
    said, true = _switched(called, follows), _switched(zero, follows)
    right = _ratio(int((said & _near(true, follows, late)).sum()), int(said.sum()))
    seen = _ratio(int((true & _near(said, follows, late)).sum()), int(true.sum()))
    if not said.any() and not true.any():
        return Found(right, seen, float("nan"))
    both = float(np.nan_to_num(right) + np.nan_to_num(seen))
    return Found(right, seen, 2 * right * seen / both if both else 0.0)


def _switched(
    zero: Label, follows: Bool[np.ndarray, " samples"]
) -> Bool[np.ndarray, "samples twice_elements"]:
    """Which elements became zero, and beside them which ceased to be."""
    after = np.flatnonzero(follows[1:]) + 1
    switched = np.zeros((len(zero), 2 * zero.shape[1]), bool)
    before, now = zero[after - 1], zero[after]
    switched[after] = np.concatenate([now & ~before, before & ~now], axis=1)
    return switched


def _near(
    switched: Bool[np.ndarray, "samples twice_elements"],
    follows: Bool[np.ndarray, " samples"],
    late: int,
) -> Bool[np.ndarray, "samples twice_elements"]:
    """What switches in a sample, or at most so many consecutive samples before or after it."""
    after = np.flatnonzero(follows[1:]) + 1
    for _ in range(late):
        wider = switched.copy()
        wider[after] |= switched[after - 1]
        wider[after - 1] |= switched[after]
        switched = wider
    return switched


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
