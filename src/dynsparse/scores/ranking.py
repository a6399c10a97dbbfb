"""How well scores find the zeros of the true Jacobian.

A score is high where an element is held to be zero. For a model it is the size of the element with
a minus sign, in normalised units; for a control, the share of zeros that it expects. Columns are
elements and rows are samples; averages over columns leave out those with one label only.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

Score = Float[np.ndarray, "samples elements"]
Label = Bool[np.ndarray, "samples elements"]


def auroc(score: Score, zero: Label) -> Float[np.ndarray, " elements"]:
    """Area under the ROC curve of each column: the share of (zero, nonzero) pairs in order.

    Ties count half. NaN where a column has one label only, or a score that is NaN.
    """
    return _by_column(_auroc, score, zero)


def average_precision(score: Score, zero: Label) -> Float[np.ndarray, " elements"]:
    """Average precision of each column: the precision at each zero's own score, averaged.

    As scikit-learn defines it: no interpolation, ties at once. NaN without any zero, or with a
    score that is NaN.
    """
    return _by_column(_average_precision, score, zero)


def _by_column(
    measure: Callable[[np.ndarray, np.ndarray], float], score: Score, zero: Label
) -> Float[np.ndarray, " elements"]:
    """A measure of the sorted scores of zeros and of nonzeros, for each column."""
    result = np.full(zero.shape[1], np.nan)
    for column, (scores, labels) in enumerate(zip(score.T, zero.T, strict=True)):
        if not np.isnan(scores).any():
            result[column] = measure(np.sort(scores[labels]), np.sort(scores[~labels]))
    return result


def _auroc(zeros: np.ndarray, others: np.ndarray) -> float:
    if not len(zeros) or not len(others):
        return float("nan")
    below, up_to = (np.searchsorted(others, zeros, side) for side in ("left", "right"))
    return float((below.sum() + up_to.sum()) / (2 * len(zeros) * len(others)))


def _average_precision(zeros: np.ndarray, others: np.ndarray) -> float:
    if not len(zeros):
        return float("nan")
    found = len(zeros) - np.searchsorted(zeros, zeros, "left")
    wrong = len(others) - np.searchsorted(others, zeros, "left")
    return float((found / (found + wrong)).mean())


def switches(zero: Label) -> Bool[np.ndarray, " elements"]:
    """Which columns hold both labels."""
    return np.asarray(zero.any(axis=0) & ~zero.all(axis=0))


def best_threshold(score: Score, zero: Label) -> float:
    """The score from which on "zero" has the best F1, all elements together.

    To be used on validation samples. Infinite where no element is zero: none is then called so.
    """
    order = np.argsort(-score, axis=None, kind="stable")
    ranked, labels = score.ravel()[order], zero.ravel()[order]
    if not labels.any():
        return float("inf")
    last = np.append(ranked[1:] != ranked[:-1], True)
    called = np.arange(1, len(ranked) + 1)
    f1 = 2 * np.cumsum(labels) / (called + labels.sum())
    return float(ranked[last][np.argmax(f1[last])])
