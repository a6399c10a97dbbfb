"""How well scores find the zeros of the true Jacobian.

A score is high where an element is held to be zero. For a model it is the size of the element with
a minus sign, in normalised units; for a control, the share of zeros that it expects. Columns are
elements and rows are samples; averages over columns leave out those with one label only.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

Score = Float[np.ndarray, "samples elements"]
Label = Bool[np.ndarray, "samples elements"]


def auroc(score: Score, zero: Label) -> Float[np.ndarray, " elements"]:
    """Area under the ROC curve of each column: the share of (zero, nonzero) pairs in order.

    Ties count half. NaN where a column has one label only.
    """
    positives = zero.sum(axis=0)
    pairs = positives * (len(zero) - positives)
    ranks = rankdata(score, axis=0)
    wins = np.where(zero, ranks, 0.0).sum(axis=0) - positives * (positives + 1) / 2
    return np.divide(wins, pairs, out=np.full(zero.shape[1], np.nan), where=pairs > 0)


def average_precision(score: Score, zero: Label) -> Float[np.ndarray, " elements"]:
    """Average precision of each column: the precision at each zero's own score, averaged.

    As scikit-learn defines it: no interpolation, ties at once. NaN without any zero.
    """
    positives = zero.sum(axis=0)
    above = rankdata(-score, method="max", axis=0)
    # Nonzeros go to the very end, so that zeros are ranked among themselves.
    found = rankdata(np.where(zero, -score, np.inf), method="max", axis=0)
    total = np.where(zero, found / above, 0.0).sum(axis=0)
    return np.divide(total, positives, out=np.full(zero.shape[1], np.nan), where=positives > 0)


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


def f1_score(called: Label, zero: Label) -> float:
    """Harmonic mean of precision and recall of "zero"; NaN where nothing is or is called zero."""
    total = int(called.sum()) + int(zero.sum())
    return 2 * int((called & zero).sum()) / total if total else float("nan")


def hamming_distance(called: Label, zero: Label) -> float:
    """Structural Hamming distance: wrongly labelled elements per sample."""
    return float((called != zero).sum() / max(len(zero), 1))
